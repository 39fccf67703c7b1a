import type { Bytes } from '../base/bytes.ts'
import { INLINE_BYTES, PART_BYTES, SEGMENTS_MAX } from './drive.ts'
import { bool, bytes, fixed, list, optional, refined, struct, text, uint, versioned, type Codec } from './codec.ts'

// What a device publishes of the drive (docs/formats/heads.md 2).

/** The highest index of a device. */
export const HEAD_INDEX = 65_535
/** Other heads that one names. */
export const HEADS_KNOWN = 255
/** Bytes of the name that a device has on the screen. */
export const DEVICE_NAME = 64

/** A stored update of the drive. */
export interface DrivePart {
  /** Link seed, 32 bytes. */
  readonly link: Bytes
  /** Bytes of plaintext, and their BLAKE3 hash. */
  readonly size: number
  readonly hash: Bytes
}

/** A head of another device. */
export interface KnownHead {
  readonly index: number
  /** Sequence of its record. */
  readonly sequence: number
  /** Whether all that it says is in the parts of the head that names it. */
  readonly contained: boolean
}

export interface Head {
  readonly index: number
  /** 16 random bytes, chosen once. */
  readonly device: Bytes
  readonly name: string
  /** Milliseconds since 1970. */
  readonly written: number
  /** Ascending by index, without its own. */
  readonly known: readonly KnownHead[]
  readonly snapshot: DrivePart | undefined
  /** Oldest first. */
  readonly segments: readonly DrivePart[]
  /** An update of the drive; empty for none. */
  readonly inline: Bytes
}

export const drivePart: Codec<DrivePart> = struct<DrivePart>({ link: fixed(32), size: uint(PART_BYTES), hash: fixed(32) })
const known: Codec<KnownHead> = struct<KnownHead>({ index: uint(HEAD_INDEX), sequence: uint(), contained: bool })

export const head: Codec<Head> = versioned(
  1,
  refined(
    struct<Head>({
      index: uint(HEAD_INDEX),
      device: fixed(16),
      name: text(DEVICE_NAME),
      written: uint(),
      known: list(known, HEADS_KNOWN),
      snapshot: optional(drivePart),
      segments: list(drivePart, SEGMENTS_MAX),
      inline: bytes(INLINE_BYTES),
    }),
    ({ index, known }) => {
      if (known.some((other) => other.index === index)) return 'a head that knows itself'
      return known.every((other, i) => i === 0 || (known[i - 1]?.index ?? 0) < other.index) ? undefined : 'heads that are not in order'
    },
  ),
)
