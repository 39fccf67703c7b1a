import { AppError, toPlainError, type ErrorKind, type PlainError } from '../../base/errors.ts'
import type { FileEntry } from './entry.ts'

/** The state of a file, as the page shows it (workers/contract.ts has the same shapes). */
export type FileStatus =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'storing'; readonly percent: number; readonly speed?: number; readonly secondsLeft?: number }
  | { readonly kind: 'safe'; readonly survives: number; readonly hosts: number }
  | { readonly kind: 'stored' }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'failed'; readonly error: PlainError }

export interface Note {
  readonly code: string
  readonly data: Readonly<Record<string, string | number>>
}

export interface FileRow {
  readonly id: string
  readonly name: string
  readonly size: number
  readonly type: string
  readonly added: number
  readonly status: FileStatus
  readonly needsFile: boolean
  readonly notes: readonly Note[]
}

/** A store that is not over never shows 100 %. */
const MOST_PERCENT = 99

/** Kinds of the errors that stop a store, for those of earlier runs, of which only the code was kept. */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  'storage.full': 'quota',
  'hosts.full': 'quota',
  'host.full': 'quota',
  'hosts.refuse': 'denied',
  'outbox.lost': 'corrupt',
  'list.damaged': 'corrupt',
  'secret.unknown': 'invalid',
  'object.large': 'invalid',
  'share.hosts': 'invalid',
  'link.ended': 'denied',
}

/** The row of `entry` at `now` (ms). */
export function rowOf(entry: FileEntry, connectedHosts: number, now: number): FileRow {
  const { record, id, needsFile } = entry
  const { name, size, type, added, health } = record
  const notes: Note[] = []
  if (health !== undefined && health.badRows > 0) notes.push({ code: 'host.damaged', data: { pieces: health.badRows, hosts: health.badHosts } })
  return { id, name, size, type, added, needsFile, notes, status: statusOf(entry, connectedHosts, now) }
}

function statusOf(entry: FileEntry, connectedHosts: number, now: number): FileStatus {
  const { status, health, error, share } = entry.record
  if (status === 'failed') return { kind: 'failed', error: toPlainError(entry.error ?? remembered(error ?? 'unexpected')) }
  if (status !== 'stored') return connectedHosts === 0 ? { kind: 'waiting' } : storing(entry, now)
  if (health === undefined) return { kind: 'stored' }
  if (!health.restorable) return { kind: 'damaged' }
  // Readers of the link look where the old share object sends them.
  const safe = health.survives >= 1 && share?.stale !== true
  return safe ? { kind: 'safe', survives: health.survives, hosts: health.hosts } : { kind: 'stored' }
}

function storing(entry: FileEntry, now: number): FileStatus {
  const { size } = entry.record
  const sent = entry.sentBytes
  entry.meter.note(sent, now)
  const percent = size === 0 ? 0 : Math.min(MOST_PERCENT, Math.floor((100 * sent) / size))
  const speed = entry.meter.speed(now)
  if (speed === undefined) return { kind: 'storing', percent }
  if (speed < 1) return { kind: 'storing', percent, speed: 0 }
  return { kind: 'storing', percent, speed: Math.round(speed), secondsLeft: Math.ceil(Math.max(0, size - sent) / speed) }
}

function remembered(code: string): AppError {
  return new AppError(KINDS[code] ?? 'transient', code, 'the store of this file stopped')
}
