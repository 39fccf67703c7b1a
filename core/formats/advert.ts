import { AppError } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import { LABELS } from '../base/labels.ts'
import { byte, fixed, list, refined, struct, text, uint, versioned, type Codec } from './codec.ts'
import { ADDRESS_BYTES } from './share.ts'
import { signBody, splitSigned, type Sign, type Verify } from './signed.ts'

/** What a host says of itself (docs/formats/receipt.md). */
export interface HostAdvert {
  /** Ed25519 key, 32 bytes. */
  readonly host: Bytes
  /** Seconds since 1970, at most 24 h apart. */
  readonly issued: number
  readonly expires: number
  /** Free space is at least 2^freeClass MiB; 0 = none. */
  readonly freeClass: number
  /** Tenths of the last 30 days that it was online. */
  readonly uptimeClass: number
  /** Multiaddrs in text form, best first. */
  readonly addresses: readonly string[]
}

const HOUR = 60 * 60
const LONGEST = 24 * HOUR
/** Clocks are hours off in practice; believing a stale advert costs one failed dial. */
const CLOCK_SKEW = 12 * HOUR

export const ADVERT_ADDRESSES = 8
export const FREE_CLASSES = 40
const MIB = 1024 * 1024

const body: Codec<HostAdvert> = versioned(
  1,
  refined(
    struct<HostAdvert>({
      host: fixed(32),
      issued: uint(),
      expires: uint(),
      freeClass: byte(FREE_CLASSES),
      uptimeClass: byte(10),
      addresses: list(text(ADDRESS_BYTES), ADVERT_ADDRESSES),
    }),
    ({ issued, expires }) => (expires < issued || expires - issued > LONGEST ? 'an advert with impossible dates' : undefined),
    'format.mismatch',
  ),
)

/** An advert signed with the host's key. */
export function signAdvert(advert: HostAdvert, sign: Sign): Promise<Bytes> {
  return signBody(body, LABELS.advert, advert, sign)
}

/**
 * What a host says of itself, at `now` (seconds since 1970). Throws `invalid` `format.*`; `denied` `advert.forged` when the host that it
 * names did not sign it; `denied` `advert.stale` when it is from another time, clocks that are hours off allowed for.
 */
export function openAdvert(bytes: Uint8Array, now: number, verify: Verify): HostAdvert {
  const { body: advert, message, signature } = splitSigned(body, LABELS.advert, bytes)
  if (!verify(advert.host, message, signature)) throw new AppError('denied', 'advert.forged', 'not signed by the host it names')
  if (advert.issued > now + CLOCK_SKEW || advert.expires < now - CLOCK_SKEW) {
    throw new AppError('denied', 'advert.stale', 'an advert from another time')
  }
  return advert
}

/** The free class that promises no more than `free` bytes. */
export function freeClass(free: number): number {
  // Not `Math.log2`: it rounds up just below a power of two.
  let found = 0
  while (found < FREE_CLASSES && 2 ** (found + 1) * MIB <= free) found++
  return found
}
