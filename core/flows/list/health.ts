import { fromHex, toHex } from '../../base/bytes.ts'
import { isAppError } from '../../base/errors.ts'
import { nodeRecord, sealedRecord, type Health } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Clock } from '../../ports/clock.ts'
import { Bell } from '../bell.ts'
import type { PieceRow, PieceView } from '../fetch/piece.ts'
import { put, type Journal } from '../journal.ts'
import { HealthCount, piecesOf } from '../link/share.ts'
import type { Mutex } from '../mutex.ts'
import type { FileEntry } from './entry.ts'
import type { Table } from './table.ts'

/** Bad rows of one chunk are followed by others: a file is looked at once for all that came within this, in ms. */
const GATHER_MS = 300

export interface HealthKeeperDeps {
  readonly journal: Journal
  readonly table: Table
  readonly references: Mutex
  readonly clock: Clock
  readonly changed: () => void
}

/** Notes rows that a host lost or damaged, and what their files still withstand. */
export class HealthKeeper {
  private readonly bad: { readonly sealed: string; readonly row: PieceRow }[] = []
  private readonly bell = new Bell()
  private readonly deps: HealthKeeperDeps

  constructor(deps: HealthKeeperDeps) {
    this.deps = deps
  }

  /** A host proved unable to give back a row of an own file. */
  note(view: PieceView, row: PieceRow): void {
    if (view.sealed === undefined) return
    this.bad.push({ sealed: view.sealed, row })
    this.bell.ring()
  }

  /** Works until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.bad.length === 0) await this.bell.wait(signal)
        await this.deps.clock.sleep(GATHER_MS, signal)
        const rows = this.bad.splice(0)
        const files = new Set<FileEntry>()
        for (const { sealed, row } of rows) for (const file of await this.mark(sealed, row)) files.add(file)
        for (const file of files) await this.review(file)
        this.deps.changed()
      } catch (error) {
        // What could not be written down now will be seen again at the next reading.
        if (isAppError(error, 'bug')) throw error
      }
    }
  }

  private mark(name: string, bad: PieceRow): Promise<FileEntry[]> {
    return this.deps.references.run(async () => {
      const key = listKey.sealed(fromHex(name))
      const sealed = await this.deps.journal.read(key, sealedRecord)
      const row = sealed?.rows[bad.index]
      if (sealed === undefined || row?.state !== 'leased' || row.host === undefined || toHex(row.host) !== bad.host) return []
      const rows = sealed.rows.map((one, index) => (index === bad.index ? { ...one, state: 'bad' as const } : one))
      await this.deps.journal.write([put(key, sealedRecord, { ...sealed, rows })])
      const files: FileEntry[] = []
      for await (const use of this.deps.journal.keys(listKey.uses(fromHex(name)))) {
        const file = this.deps.table.files.get(use.split('/')[2] ?? '')
        if (file !== undefined) files.push(file)
      }
      return files
    })
  }

  private async review(file: FileEntry): Promise<void> {
    // Of a restored file nothing is said before its hosts confirmed it.
    if (!isStored(file) || file.record.health === undefined) return
    const health = await healthOf(file, this.deps.journal)
    if (isStored(file)) await this.deps.table.update(file, { health })
  }
}

function isStored({ record }: FileEntry): boolean {
  return record.status === 'stored'
}

/** What a published file withstands, from the list as it is now. */
export async function healthOf(file: FileEntry, journal: Journal): Promise<Health> {
  const count = new HealthCount()
  for await (const { ref, sealed } of piecesOf(file.id, journal)) count.add(ref, sealed)
  const { share } = file.record
  for (const name of share?.nodes ?? []) {
    const node = await journal.read(listKey.node(name), nodeRecord)
    count.addSpread({ k: 1, rows: node?.holders.map(({ host }) => toHex(host)) ?? [] })
  }
  const holders = share?.holders.map(toHex) ?? []
  count.addSpread({ k: 1, rows: holders })
  const hosts = count.hosts.size > 0 ? count.hosts.size : holders.length
  return { ...count.counts(), restorable: count.survives >= 0, survives: Math.max(0, count.survives), hosts }
}
