import { toBase64Url, type Bytes } from '../base/bytes.ts'
import type { Random } from '../ports/clock.ts'
import { bytes, list, optional, refined, struct, uint, versioned, type Codec } from './codec.ts'
import { mediaType } from './file-name.ts'

// What stands in the document of a drive, and in its log (docs/formats/drive.md). Times are milliseconds since 1970.

/** The id of the top folder, which has no keys. */
export const TOP = ''

const ENTRY_BYTES = 9
const VERSION_BYTES = 6
const ENTRY_ID = /^[df][A-Za-z0-9_-]{12}$/
const VERSION_KEY = /^f[A-Za-z0-9_-]{12}\/[A-Za-z0-9_-]{8}$/
/** Characters of an entry id. */
const ENTRY_LENGTH = 13

export type EntryKind = 'folder' | 'file'

export function newEntryId(kind: EntryKind, random: Random): string {
  return (kind === 'folder' ? 'd' : 'f') + toBase64Url(random.bytes(ENTRY_BYTES))
}

export function newVersionId(random: Random): string {
  return toBase64Url(random.bytes(VERSION_BYTES))
}

export function isEntryId(text: string): boolean {
  return ENTRY_ID.test(text)
}

/** Whether an entry id is a folder's; the top is one. */
export function isFolderId(id: string): boolean {
  return id === TOP || id.startsWith('d')
}

export function versionKey(file: string, version: string): string {
  return `${file}/${version}`
}

/** File id and version id of a key in `v`, or `undefined` when it is none. */
export function parseVersionKey(key: string): { file: string; version: string } | undefined {
  return VERSION_KEY.test(key) ? { file: key.slice(0, ENTRY_LENGTH), version: key.slice(ENTRY_LENGTH + 1) } : undefined
}

/** Longest content of a version in bytes: a version's value stays small, and so does the update that adds it. */
export const CONTENT_BYTES = 4096
/** Latest `added`: far off, and one more is still a safe integer. */
export const ADDED_MAX = 2 ** 48
/** Devices of an account are numbered. */
export const DEVICE_MAX = 65_535

/** The value of a key in `v`. */
export interface VersionRecord {
  /** Bytes. */
  readonly size: number
  /** Media type without parameters, or empty. */
  readonly type: string
  readonly modified: number
  readonly added: number
  /** Number of the device that added it. */
  readonly device: number
  /** How to find the bytes; opaque here. */
  readonly content: Bytes
}

export const versionRecord: Codec<VersionRecord> = versioned(
  1,
  struct<VersionRecord>({
    size: uint(),
    type: mediaType,
    modified: uint(),
    added: uint(ADDED_MAX),
    device: uint(DEVICE_MAX),
    content: bytes(CONTENT_BYTES),
  }),
)

/** Days that old versions and deleted entries are kept, and what may be set. */
export const KEEP_DAYS = 30
export const KEEP_DAYS_MAX = 3650

export function isKeepDays(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= KEEP_DAYS_MAX
}

/** Bytes of one stored part at most. */
export const PART_BYTES = 512 * 2 ** 20
/** Bytes of the updates in a head: with the rest of it they stay under 64 KiB, the most that a sealed object has. */
export const INLINE_BYTES = 40 * 1024
/** Compaction keeps them to some twenty; a device that was never idle may have more. */
export const SEGMENTS_MAX = 64

/** One stored part of a log. */
export interface LogPart {
  /** Unique in its log, never used twice. */
  readonly number: number
  /** Its length. */
  readonly bytes: number
}

/** What is stored of a drive. */
export interface DriveLog {
  readonly next: number
  readonly snapshot: LogPart | undefined
  readonly segments: readonly LogPart[]
  /** One merged update, or nothing. */
  readonly inline: Bytes
}

const logPart = struct<LogPart>({ number: uint(), bytes: uint(PART_BYTES) })

export const driveLog: Codec<DriveLog> = versioned(
  1,
  refined(
    struct<DriveLog>({
      next: uint(),
      snapshot: optional(logPart),
      segments: list(logPart, SEGMENTS_MAX),
      inline: bytes(INLINE_BYTES),
    }),
    (log) => {
      const numbers = [...log.segments, ...(log.snapshot ? [log.snapshot] : [])].map((part) => part.number)
      const sound = new Set(numbers).size === numbers.length && numbers.every((number) => number < log.next)
      return sound ? undefined : 'part numbers that repeat or are not given out yet'
    },
    'format.mismatch',
  ),
)
