import type { Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { INLINE_BYTES, SEGMENTS_MAX, type DriveLog, type LogPart } from '../formats/drive.ts'
import { mergeUpdates } from './document.ts'

// What a device keeps of its drive (docs/formats/drive.md 9). It is only decided here; the caller stores.

/** Segments of one level that become one of the next: each change is written once per level, of which there are few. */
const FANOUT = 4
/** A new snapshot is due when the segments have this share of its bytes: a change is written some four times more by snapshots. */
const SNAPSHOT_SHARE = 1 / 4
/** Under this many bytes of segments a snapshot saves nobody anything. */
const SNAPSHOT_MIN = 256 * 1024

/** Parts to write before the head that has `log`, and parts to drop after it. */
export interface LogStep {
  readonly log: DriveLog
  readonly put: readonly { readonly part: LogPart; readonly bytes: Bytes }[]
  readonly drop: readonly LogPart[]
}

/** Where stored parts are read from, and what to make a snapshot of. */
export interface LogSource {
  read(part: LogPart): Promise<Bytes>
  /** The whole document; it holds at least all that was saved. */
  snapshot(): Bytes
}

export function emptyLog(): DriveLog {
  return { next: 0, snapshot: undefined, segments: [], inline: new Uint8Array(0) }
}

/**
 * The log with one more change (`Drive.takeChanges`). Writes at most the old inline updates (40 KiB) as a segment, and the head; more only when
 * the change itself is larger. Throws `quota` `drive.segments` when 64 segments wait for `compact`.
 */
export function save(log: DriveLog, change: Bytes): LogStep {
  const merged = log.inline.length === 0 ? change : mergeUpdates([log.inline, change])
  if (merged.length <= INLINE_BYTES) return { log: { ...log, inline: merged }, put: [], drop: [] }
  if (log.segments.length >= SEGMENTS_MAX) throw new AppError('quota', 'drive.segments', 'too many segments: compact first')
  const large = change.length > INLINE_BYTES
  const bytes = large ? merged : log.inline
  const part = { number: log.next, bytes: bytes.length }
  const inline = large ? new Uint8Array(0) : change
  return { log: { ...log, next: log.next + 1, segments: [...log.segments, part], inline }, put: [{ part, bytes }], drop: [] }
}

/** Whether `compact` would do something. */
export function compactionDue(log: DriveLog): boolean {
  return snapshotDue(log) || crowded(log).length > 0
}

/** One step of compaction: repeat while `compactionDue`. Nothing may be saved to `log` meanwhile. Rejects as `source.read` does. */
export async function compact(log: DriveLog, source: LogSource): Promise<LogStep> {
  if (snapshotDue(log)) {
    const bytes = source.snapshot()
    const part = { number: log.next, bytes: bytes.length }
    const drop = log.snapshot === undefined ? log.segments : [log.snapshot, ...log.segments]
    return { log: { next: log.next + 1, snapshot: part, segments: [], inline: new Uint8Array(0) }, put: [{ part, bytes }], drop }
  }
  const old = crowded(log)
  if (old.length === 0) return { log, put: [], drop: [] }
  const bytes = mergeUpdates(await Promise.all(old.map((part) => source.read(part))))
  const part = { number: log.next, bytes: bytes.length }
  const segments = [...log.segments.filter((one) => !old.includes(one)), part]
  return { log: { ...log, next: log.next + 1, segments }, put: [{ part, bytes }], drop: old }
}

function snapshotDue(log: DriveLog): boolean {
  const bytes = log.segments.reduce((sum, part) => sum + part.bytes, 0)
  return bytes > Math.max(SNAPSHOT_MIN, SNAPSHOT_SHARE * (log.snapshot?.bytes ?? 0))
}

/** Segments of the lowest level that has `FANOUT` of them, at most as many. */
function crowded(log: DriveLog): readonly LogPart[] {
  const levels = new Map<number, LogPart[]>()
  for (const part of log.segments) levels.set(levelOf(part), [...(levels.get(levelOf(part)) ?? []), part])
  const full = [...levels].filter(([, parts]) => parts.length >= FANOUT).sort(([a], [b]) => a - b)
  return full[0]?.[1].slice(0, FANOUT) ?? []
}

/** 0 for a segment that was just sealed; one more for each `FANOUT` times. */
function levelOf(part: LogPart): number {
  return Math.max(0, Math.floor(Math.log2(part.bytes / (INLINE_BYTES / 2)) / Math.log2(FANOUT)))
}
