import type { Bytes } from '../base/bytes.ts'
import { bool, bytes, fixed, list, optional, refined, struct, text, uint, versioned, type Codec } from './codec.ts'
import { driveLog, SEGMENTS_MAX, type DriveLog } from './drive.ts'
import { DEVICE_NAME, drivePart, HEAD_INDEX, HEADS_KNOWN, type DrivePart, type KnownHead } from './head.ts'

// What a device remembers of heads, its own and others' (docs/formats/list.md). Times are milliseconds since 1970.

/** Bytes of a device's id. */
export const DEVICE_ID = 16
/** Parts that wait for their end, at most: some 30 MiB of changes in a month. */
export const DROPPED_MAX = 1024
/** Bytes of a state vector: 16 for each of 65,536 sessions that ever changed the drive. */
const VECTOR_BYTES = 2 ** 20

/** A head of another device, as it was last seen. */
export interface OtherHead extends KnownHead {
  readonly name: string
  readonly written: number
  /** The newest sequence of ours of which it has everything; 0 for none. */
  readonly merged: number
}

/** A part that the log names no more. */
export interface DroppedPart {
  /** Link seed. */
  readonly link: Bytes
  /** When hosts took a head without it; 0 while the newest one may name it. */
  readonly since: number
}

/** A part of the log, and where it is stored. */
export interface StoredPart {
  readonly number: number
  readonly part: DrivePart
}

/** `sync` */
export interface SyncRecord {
  /** Of this device; written down before a head goes out under it. */
  readonly index: number | undefined
  /** Random. */
  readonly device: Bytes
  readonly name: string
  /** Of the newest head that hosts took; 0 for none. */
  readonly sequence: number
  /** The highest sequence that may have gone out. */
  readonly tried: number
  /** When the head with that sequence was made. */
  readonly attempted: number
  /** Of the newest head that hosts took. */
  readonly written: number
  readonly log: DriveLog
  /** One for each part of `log`. */
  readonly parts: readonly StoredPart[]
  /** Whether the newest head has this log. */
  readonly placed: boolean
  /** Whether the drive may have changes that the log has not. */
  readonly dirty: boolean
  /** A state vector of the drive of which the log has everything. */
  readonly vector: Bytes
  /** Ascending by index. */
  readonly others: readonly OtherHead[]
  readonly dropped: readonly DroppedPart[]
}

const other: Codec<OtherHead> = struct<OtherHead>({
  index: uint(HEAD_INDEX),
  sequence: uint(),
  contained: bool,
  name: text(DEVICE_NAME),
  written: uint(),
  merged: uint(),
})

export const syncRecord: Codec<SyncRecord> = versioned(
  1,
  refined(
    struct<SyncRecord>({
      index: optional(uint(HEAD_INDEX)),
      device: fixed(DEVICE_ID),
      name: text(DEVICE_NAME),
      sequence: uint(),
      tried: uint(),
      attempted: uint(),
      written: uint(),
      log: driveLog,
      parts: list(struct<StoredPart>({ number: uint(), part: drivePart }), SEGMENTS_MAX + 1),
      placed: bool,
      dirty: bool,
      vector: bytes(VECTOR_BYTES),
      others: list(other, HEADS_KNOWN),
      dropped: list(struct<DroppedPart>({ link: fixed(32), since: uint() }), DROPPED_MAX),
    }),
    ({ log, parts, others }) => {
      const stored = new Set(parts.map(({ number }) => number))
      const named = [...log.segments, ...(log.snapshot ? [log.snapshot] : [])]
      if (named.length !== parts.length || named.some(({ number }) => !stored.has(number))) return 'parts and log disagree'
      return others.every(({ index }, i) => i === 0 || (others[i - 1]?.index ?? 0) < index) ? undefined : 'heads that are not in order'
    },
    'format.mismatch',
  ),
)
