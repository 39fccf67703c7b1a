import { toHex, type Bytes } from '../../base/bytes.ts'
import type { RowState, SealedRecord, SealedRow } from '../../formats/list.ts'
import type { PeerKey } from '../../ports/network.ts'
import type { ShardRoot } from '../../ports/shard-store.ts'
import type { FileEntry } from '../list/entry.ts'

/** Up to `GROUP_CHUNKS` chunks with the same ordered host list. */
export interface Group {
  readonly hosts: readonly PeerKey[]
}

/** A sealed chunk on its way to its hosts: its record in memory, with rows that change as hosts answer. */
export class Chunk {
  /** Its name in hexadecimal. */
  readonly name: string
  readonly rootNames: readonly ShardRoot[]
  readonly rows: SealedRow[]
  /** Files with a piece in it, and bytes of theirs in it. */
  readonly users = new Map<FileEntry, number>()
  /** Fires when nobody wants it any more. */
  readonly dropped = new AbortController()
  /** Rows that wait for a shard which is not on this device any more: it comes back when a file with the same content is coded. */
  readonly lost = new Set<number>()
  group: Group | undefined
  private readonly base: SealedRecord

  constructor(name: string, record: SealedRecord) {
    this.name = name
    this.base = record
    this.rows = [...record.rows]
    this.rootNames = record.roots.map(toHex)
    const hosts = record.rows.flatMap(({ host }) => (host === undefined ? [] : [toHex(host)]))
    if (hosts.length === record.rows.length) this.group = { hosts }
  }

  get shardSize(): number {
    return this.base.shardSize
  }

  get secret(): Bytes {
    return this.base.secret
  }

  get leased(): boolean {
    return !this.rows.some(({ state }) => isOpen(state))
  }

  /** Part of it that hosts have acknowledged: 0 to 1. */
  get progress(): number {
    const sent = this.rows.filter(({ state }) => state !== 'none').length
    return sent / this.rows.length
  }

  record(): SealedRecord {
    return { ...this.base, rows: this.rows }
  }
}

/** Whether a row still has to come to a receipt. */
export function isOpen(state: RowState): boolean {
  return state === 'none' || state === 'acknowledged'
}

/** One row of a chunk. */
export interface ChunkRow {
  readonly chunk: Chunk
  readonly index: number
}
