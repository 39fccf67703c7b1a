import { asAppError, type AppError } from '../../base/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ShardStore } from '../../ports/shard-store.ts'
import { isOver, type Bell } from '../bell.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { CodedBytes, Tally } from '../store/tally.ts'
import type { FileEntry } from './entry.ts'
import { rowOf, type FileRow } from './status.ts'
import type { Table } from './table.ts'

/** What is shown changes at most this often, in ms; and once a second while something is being stored, since speed changes by itself. */
const SNAPSHOT_MS = 250
const TICK_MS = 1000
/** Room on this device is asked for at most this often, in ms. */
const ROOM_MS = 2000

/** What the page draws of hosts and files as a whole. */
export interface StorageTotals {
  readonly hosts: number
  /** Bytes of files, what they take on hosts, and what these would still take. */
  readonly space: { readonly files: number; readonly stored: number; readonly free: number }
  /** Since the start, in bytes. */
  readonly coded: CodedBytes
  readonly local: { readonly used: number; readonly quota: number }
  /** Files whose store is under way; closing the page would cut it short. */
  readonly unfinished: number
  /** Files and parts of the drive that hosts do not have all of. */
  readonly unsafe: number
}

export interface StorageSnapshot extends StorageTotals {
  readonly files: readonly FileRow[]
}

export interface OverviewDeps {
  readonly table: Table
  readonly hosts: Hosts
  readonly tally: Tally
  readonly clock: Clock
  readonly shards: ShardStore
  readonly report?: (error: AppError) => void
}

/** What is shown of a list. */
export class Overview {
  private local = { used: 0, quota: 0 }
  private roomAt = -Infinity
  private readonly deps: OverviewDeps

  constructor(deps: OverviewDeps) {
    this.deps = deps
  }

  row(entry: FileEntry): FileRow {
    return rowOf(entry, this.deps.hosts.connected().length, this.deps.clock.now())
  }

  /** What was added last comes first. */
  rows(): FileRow[] {
    const shown = this.deps.table.shown().sort((a, b) => b.record.added - a.record.added || (a.record.name < b.record.name ? -1 : 1))
    return shown.map((entry) => this.row(entry))
  }

  totals(): StorageTotals {
    const { table, hosts, tally } = this.deps
    const count = { files: 0, stored: 0, unfinished: 0, unsafe: 0 }
    for (const { part, needsFile, record } of table.kept()) {
      const { status, health, size } = record
      if (status !== 'stored') count.unsafe++
      if (part) continue
      count.files += size
      count.stored += health?.stored ?? 0
      if (status === 'storing' && !needsFile) count.unfinished++
    }
    return {
      hosts: hosts.connected().length,
      space: { files: count.files, stored: count.stored, free: hosts.room() },
      coded: tally.bytes,
      local: this.local,
      unfinished: count.unfinished,
      unsafe: count.unsafe,
    }
  }

  /** Calls `listener` now and whenever `changes` rings, until `signal` fires. */
  async watch(listener: () => void, changes: Bell, signal: AbortSignal): Promise<void> {
    const { clock, table } = this.deps
    while (!signal.aborted) {
      try {
        // Waited for from before the call on, so that no change between two calls goes unseen.
        const change = changes.wait(signal)
        change.catch(() => undefined)
        await this.measure()
        listener()
        await clock.sleep(SNAPSHOT_MS, signal)
        const busy = table.kept().some(({ record }) => record.status === 'storing')
        await (busy ? Promise.race([change, clock.sleep(TICK_MS - SNAPSHOT_MS, signal)]) : change)
      } catch (error) {
        if (!isOver(signal)) throw error
      }
    }
  }

  private async measure(): Promise<void> {
    const { clock, shards, report } = this.deps
    const now = clock.now()
    if (Math.abs(now - this.roomAt) < ROOM_MS) return
    this.roomAt = now
    try {
      const { used, free } = await shards.room()
      this.local = { used, quota: used + free }
    } catch (error) {
      report?.(asAppError(error))
    }
  }
}
