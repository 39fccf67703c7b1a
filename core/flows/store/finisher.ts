import { AppError, asAppError, isAppError, throwIfAborted } from '../../base/errors.ts'
import type { DeviceKeys } from '../../account/keys.ts'
import type { Clock } from '../../ports/clock.ts'
import { Bell, isOver, ringOr } from '../bell.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { ShareRef } from '../../formats/list.ts'
import type { Publisher } from '../link/publisher.ts'
import type { FileEntry } from '../list/entry.ts'
import type { Table } from '../list/table.ts'

/** Waits between attempts to publish one file, in ms. */
const FIRST_WAIT = 1000
const LONGEST_WAIT = 60_000
/** Files published at once: their objects are small, and what reaches a host together is flushed together (4, 16 and 48 at once took 40, 28 and 24 ms per small file on two cores). */
const LANES = 32
/** Records that no DHT server took yet are offered again after this, in ms. */
const ANNOUNCE_MS = 5 * 60_000

export interface FinisherDeps {
  readonly publisher: Pick<Publisher, 'publish' | 'announce'>
  readonly table: Pick<Table, 'update'>
  readonly hosts: Pick<Hosts, 'changed'>
  readonly clock: Clock
  readonly keysOf: (file: FileEntry) => DeviceKeys | undefined
  readonly changed: () => void
  readonly failed: (file: FileEntry, error: AppError) => void
}

/** Publishes files whose pieces are all stored, and sees to it that their records reach the DHT. */
export class Finisher {
  private readonly queue: FileEntry[] = []
  /** Files in a lane: in one at a time, or its nodes would be sent twice. */
  private readonly busy = new Set<FileEntry>()
  /** Files that come back once they leave their lane: added anew meanwhile, or to be announced. */
  private readonly again = new Set<FileEntry>()
  private readonly quiet = new Set<FileEntry>()
  private readonly bell = new Bell()
  private readonly news = new Bell()
  private readonly deps: FinisherDeps

  constructor(deps: FinisherDeps) {
    this.deps = deps
  }

  /** A file with all receipts, one whose share object names hosts of before, or one whose record is not in the DHT yet. */
  add(file: FileEntry): void {
    if (this.busy.has(file)) this.again.add(file)
    else if (!isDue(file)) this.quiet.add(file)
    else if (!this.queue.includes(file)) this.queue.push(file)
    this.bell.ring()
    this.news.ring()
  }

  /** Works until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...Array.from({ length: LANES }, () => this.lane(signal)), this.announcer(signal)])
  }

  private async lane(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const file = this.queue.shift()
      try {
        if (file === undefined) await this.bell.wait(signal)
        else await this.alone(file, signal)
      } catch (error) {
        if (!isAppError(error, 'aborted')) throw error
      }
    }
  }

  private async alone(file: FileEntry, signal: AbortSignal): Promise<void> {
    this.busy.add(file)
    try {
      await this.finish(file, AbortSignal.any([signal, file.control.signal]))
    } finally {
      this.busy.delete(file)
      if (this.again.delete(file)) this.add(file)
    }
  }

  private async finish(file: FileEntry, signal: AbortSignal): Promise<void> {
    const keys = this.deps.keysOf(file)
    for (let wait = FIRST_WAIT; !signal.aborted && isDue(file); wait = Math.min(LONGEST_WAIT, 2 * wait)) {
      try {
        if (keys === undefined) throw new AppError('invalid', 'secret.unknown', 'the secret of this file is not on this device')
        if (await this.publish(file, keys, signal)) continue
        file.source = undefined
        this.deps.changed()
        this.again.add(file)
        return
      } catch (cause) {
        if (isOver(signal)) return
        const error = asAppError(cause, 'transient', 'link.publish')
        // It comes again with the last receipt of its chunks.
        if (error.code === 'file.pending' && file.record.status === 'stored') return
        if (error.kind !== 'transient') {
          this.deps.failed(file, error)
          return
        }
        await ringOr(this.deps.hosts.changed, wait, this.deps.clock, signal)
      }
    }
  }

  /** Resolves to whether chunks moved meanwhile, so that all has to be done again. */
  private async publish(file: FileEntry, keys: DeviceKeys, signal: AbortSignal): Promise<boolean> {
    const { moves } = file
    const intend = async (share: ShareRef): Promise<void> => {
      throwIfAborted(signal)
      await this.deps.table.update(file, { share })
    }
    const { share, health } = await this.deps.publisher.publish(file, keys.seal, intend, signal)
    // Removed since: what was put is taken back as what was intended.
    throwIfAborted(signal)
    const stale = file.moves !== moves
    await this.deps.table.update(file, { share: { ...share, stale }, health, status: 'stored', error: undefined })
    return stale
  }

  /** Best effort: hosts publish the records that they keep as well. */
  private async announcer(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.quiet.size === 0) await this.news.wait(signal)
        const files = [...this.quiet]
        for (const file of files) await this.announce(file, AbortSignal.any([signal, file.control.signal]), signal)
        if (this.quiet.size > 0) await ringOr(this.news, ANNOUNCE_MS, this.deps.clock, signal)
      } catch (error) {
        if (!isAppError(error, 'aborted')) throw error
      }
    }
  }

  private async announce(file: FileEntry, signal: AbortSignal, all: AbortSignal): Promise<void> {
    try {
      const announced = file.record.share?.sequence
      const taken = file.record.status === 'stored' && (await this.deps.publisher.announce(file, signal))
      const { share } = file.record
      // Published anew meanwhile: that record is still to be announced.
      if (taken && share?.sequence !== announced) return
      if (taken && share !== undefined) await this.deps.table.update(file, { share: { ...share, announced: true } })
      if (taken || file.record.status !== 'stored') this.quiet.delete(file)
    } catch (error) {
      if (all.aborted) throw error
      if (file.control.signal.aborted) this.quiet.delete(file)
    }
  }
}

function isDue({ record }: FileEntry): boolean {
  return record.status === 'storing' || (record.status === 'stored' && record.share?.stale === true)
}
