import type { Bytes } from '../base/bytes.ts'
import { encode, fixed, malformed, struct, uint, versioned, type Codec } from './codec.ts'

/** What a locker holds (docs/formats/account.md 3): everything. Never show, log or send it. */
export interface Locker {
  /** 32 bytes. */
  readonly master: Bytes
  /** Milliseconds since 1970 at which this master was made. */
  readonly created: number
  /** 0 at first; grows with every new master of the same person. */
  readonly generation: number
}

/** Bytes of an encoded locker, always: the fields take 49 at most, the rest is for fields to come. */
const PAYLOAD = 128

/** Random bytes before the box: the IV of AES-256-GCM. */
export const LOCKER_NONCE = 12

/** Bytes of a sealed locker: nonce, payload and tag. */
export const SEALED_LOCKER = LOCKER_NONCE + PAYLOAD + 16

const fields: Codec<Locker> = versioned(1, struct<Locker>({ master: fixed(32), created: uint(), generation: uint() }))

/** A locker in 128 bytes, whatever its numbers: zeros fill the rest. */
export const locker: Codec<Locker> = {
  write(to, value) {
    const encoded = encode(fields, value)
    to.push(encoded)
    to.push(new Uint8Array(PAYLOAD - encoded.length))
  },
  read(from) {
    const before = from.left
    const value = fields.read(from)
    if (from.take(PAYLOAD - (before - from.left)).some((byte) => byte !== 0)) throw malformed('format.trailing', 'a locker goes on after its end')
    return value
  },
}
