import type { AppError } from '../../base/errors.ts'
import type { FileRecord } from '../../formats/list.ts'
import { Meter } from '../meter.ts'

/** A sealed chunk that has not all its receipts: how far it is (0 to 1), and bytes of each file in it. */
export interface PendingChunk {
  readonly progress: number
  readonly users: ReadonlyMap<FileEntry, number>
}

/** A file of the list: its record, and what is known of it in memory only. */
export class FileEntry {
  /** 32 hexadecimal digits. */
  readonly id: string
  record: FileRecord
  /** A part of the drive, which nobody is shown. */
  readonly part: boolean
  /** Where the rest of it can be read, while that is so. */
  source: Blob | undefined
  /** The rest must be handed over again by a person. */
  needsFile = false
  /** What stopped it, with all its data; after a restart only the code in the record is left. */
  error: AppError | undefined
  /** Fires when it is cancelled, removed, or fails. Replaced on retry. */
  control = new AbortController()
  /** Sealed chunks that have not all their receipts yet. */
  readonly pending = new Set<PendingChunk>()
  readonly meter = new Meter()
  /** How often chunks of it went to other hosts in this run. */
  moves = 0

  constructor(id: string, record: FileRecord, part = false) {
    this.id = id
    this.record = record
    this.part = part
  }

  /** Bytes whose shards hosts have acknowledged; a chunk counts in part. */
  get sentBytes(): number {
    let waiting = 0
    for (const chunk of this.pending) waiting += (chunk.users.get(this) ?? 0) * (1 - chunk.progress)
    return Math.max(0, this.record.sealedBytes - waiting)
  }
}

/** Whether it is on its way out. */
export function isRemoved({ record }: FileEntry): boolean {
  return record.status === 'removing'
}

/** Whether its share object is to be made again: chunks went to other hosts since. */
export function isStale({ record }: FileEntry): boolean {
  return record.status === 'stored' && record.share?.stale === true
}

/** Whether `source` is the file that was added, unchanged as far as size and time tell. */
export function matches({ record }: FileEntry, source: { readonly size: number; readonly lastModified: number }): boolean {
  return record.size === source.size && record.modified === Math.max(0, Math.floor(source.lastModified))
}
