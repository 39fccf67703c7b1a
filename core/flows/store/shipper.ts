import { toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, isAppError } from '../../base/errors.ts'
import type { Receipt } from '../../formats/receipt.ts'
import { releaseRecord, sealedRecord, type RowState } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Clock } from '../../ports/clock.ts'
import type { MetaChange } from '../../ports/meta-store.ts'
import type { PeerKey } from '../../ports/network.ts'
import { hostBytes, type Hosts } from '../hosts/hosts.ts'
import type { Search } from '../hosts/search.ts'
import { put, type Journal } from '../journal.ts'
import type { FileEntry } from '../list/entry.ts'
import { isOpen, type Chunk, type ChunkRow, type Group } from './chunk.ts'
import { Groups } from './groups.ts'
import { Lane, type LaneDeps } from './lane.ts'
import type { Outbox } from './outbox.ts'
import { Bell } from '../bell.ts'

export interface ShipperDeps {
  readonly hosts: Hosts
  readonly search: Search
  readonly outbox: Outbox
  readonly journal: Journal
  readonly clock: Clock
  /** Progress was made, for the screen. */
  readonly changed: () => void
  /** A chunk has all its receipts. */
  readonly leased: (chunk: Chunk) => void
  /** There are leases to be released. */
  readonly orphaned: () => void
  /** The store of this file cannot go on. */
  readonly failed: (file: FileEntry, error: AppError) => void
}

/** Brings sealed chunks from the outbox to their hosts and collects receipts. */
export class Shipper {
  /** Chunks that have not all their receipts, by name. */
  readonly chunks = new Map<string, Chunk>()
  private readonly lanes = new Map<PeerKey, Lane>()
  private unplaced: Chunk[] = []
  private readonly working: Promise<void>[] = []
  private readonly arrived = new Bell()
  private readonly groups: Groups
  private signal = AbortSignal.abort()
  private readonly deps: ShipperDeps

  constructor(deps: ShipperDeps) {
    this.deps = deps
    this.groups = new Groups(deps.hosts)
  }

  /** Works until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    this.signal = signal
    while (!signal.aborted) {
      try {
        const chunk = this.unplaced[0]
        if (chunk === undefined) await this.arrived.wait(signal)
        else await this.place(chunk, signal)
      } catch (error) {
        if (!isAppError(error, 'aborted')) throw error
      }
    }
    await Promise.all(this.working)
  }

  /** Takes a chunk whose record and shards are on disk. */
  add(chunk: Chunk): void {
    this.chunks.set(chunk.name, chunk)
    this.unplaced.push(chunk)
    this.arrived.ring()
  }

  /** Sends the rows whose shards were lost on this device and are there again. */
  resend(chunk: Chunk): void {
    const rows = [...chunk.lost].map((index) => ({ chunk, index }))
    for (const lane of this.lanes.values()) lane.remove((row) => row.chunk === chunk && chunk.lost.has(row.index))
    chunk.lost.clear()
    this.enqueue(rows)
  }

  /** Nobody wants the chunk any more: stops sending it. Rows that a host acknowledged still get their receipt, and are then released under it. */
  async drop(chunk: Chunk): Promise<void> {
    chunk.dropped.abort()
    this.chunks.delete(chunk.name)
    this.unplaced = this.unplaced.filter((other) => other !== chunk)
    for (const lane of this.lanes.values()) lane.forget(chunk)
    for (const [index, row] of chunk.rows.entries()) {
      if (isOpen(row.state)) await this.deps.outbox.drop(chunk.rootNames[index] ?? '', chunk.shardSize)
    }
  }

  /** Gives every row without a host one, durably, before anything is sent; then sends. */
  private async place(chunk: Chunk, signal: AbortSignal): Promise<void> {
    const rows = chunk.rows.flatMap(({ state }, index) => (isOpen(state) ? [{ chunk, index }] : []))
    if (chunk.rows.some(({ host }) => host === undefined)) {
      await this.deps.search.settled(chunk.rows.length, signal)
      if (chunk.dropped.signal.aborted) {
        // Written now, its record would come back after it was deleted.
        this.unplaced = this.unplaced.filter((other) => other !== chunk)
        return
      }
      const group = this.choose(chunk)
      if (group === undefined) {
        this.tellClosed(chunk.users.keys())
        await this.deps.hosts.changed.wait(signal)
        return
      }
      this.assign(chunk, group.hosts)
      chunk.group = group
      try {
        await this.deps.journal.write([put(listKey.sealed(nameOf(chunk)), sealedRecord, chunk.record())])
      } catch (error) {
        this.broken(rows, error)
      }
    }
    this.unplaced = this.unplaced.filter((other) => other !== chunk)
    if (!chunk.dropped.signal.aborted) this.enqueue(rows)
  }

  /** A whole group for a new chunk; for one that lost some rows, the same hosts but for those rows. */
  private choose(chunk: Chunk): Group | undefined {
    if (chunk.rows.every(({ host }) => host === undefined)) return this.groups.next(chunk.rows.length)
    return this.groups.without(groupOf(chunk), '')
  }

  private assign(chunk: Chunk, hosts: readonly PeerKey[]): void {
    chunk.rows.forEach((row, index) => {
      const host = hosts[index]
      if (row.host === undefined && host !== undefined) chunk.rows[index] = { ...row, host: hostBytes(host) }
    })
  }

  private enqueue(rows: readonly ChunkRow[]): void {
    for (const row of rows) {
      const host = row.chunk.rows[row.index]?.host
      if (host !== undefined) this.lane(toHex(host)).add([row])
    }
  }

  private lane(host: PeerKey): Lane {
    const known = this.lanes.get(host)
    if (known !== undefined) return known
    const lane = new Lane(host, this.laneDeps())
    this.lanes.set(host, lane)
    this.working.push(lane.run(this.signal))
    return lane
  }

  private laneDeps(): LaneDeps {
    const { hosts, outbox, clock } = this.deps
    return {
      hosts,
      outbox,
      clock,
      acknowledged: (rows) => this.acknowledged(rows),
      // Not written down: after a crash they are offered again all the same.
      unstaged: (rows) => { for (const { chunk, index } of rows) setState(chunk, index, 'none', undefined) },
      leased: (rows, receipt, bytes) => this.receipted(rows, receipt, bytes),
      evacuate: (host, error, states) => this.evacuate(host, error, states),
      broken: (rows, error) => { this.broken(rows, error) },
    }
  }

  private async acknowledged(rows: readonly ChunkRow[]): Promise<void> {
    const chunks = new Set<Chunk>()
    for (const { chunk, index } of rows) {
      if (chunk.dropped.signal.aborted) continue
      setState(chunk, index, 'acknowledged', undefined)
      chunks.add(chunk)
    }
    await this.save(chunks, [])
    this.deps.changed()
  }

  private async receipted(rows: readonly ChunkRow[], receipt: Receipt, bytes: Uint8Array): Promise<void> {
    const kept = rows.filter(({ chunk }) => !chunk.dropped.signal.aborted)
    const chunks = new Set<Chunk>()
    for (const { chunk, index } of kept) {
      setState(chunk, index, 'leased', receipt.lease)
      chunks.add(chunk)
    }
    const changes: MetaChange[] = [{ put: listKey.lease(receipt.lease), value: bytes }]
    const orphans = rows.filter(({ chunk }) => chunk.dropped.signal.aborted)
    const first = orphans[0]
    if (first !== undefined) {
      const roots = orphans.flatMap(({ chunk, index }) => chunk.record().roots[index] ?? [])
      const expires = receipt.expires * 1000
      changes.push(put(listKey.release(receipt.host, receipt.lease), releaseRecord, { secret: first.chunk.secret, expires, roots }))
    }
    try {
      await this.save(chunks, changes)
    } catch (error) {
      for (const { chunk, index } of kept) setState(chunk, index, 'acknowledged', undefined)
      throw error
    }
    // A shard that stays although it is not needed is swept at the next start.
    await Promise.allSettled(kept.map(({ chunk, index }) => this.deps.outbox.drop(chunk.rootNames[index] ?? '', chunk.shardSize)))
    for (const chunk of chunks) if (chunk.leased) this.finished(chunk)
    if (orphans.length > 0) this.deps.orphaned()
    this.deps.changed()
  }

  private finished(chunk: Chunk): void {
    this.chunks.delete(chunk.name)
    this.deps.leased(chunk)
  }

  private async save(chunks: ReadonlySet<Chunk>, more: readonly MetaChange[]): Promise<void> {
    const records = [...chunks].map((chunk) => put(listKey.sealed(nameOf(chunk)), sealedRecord, chunk.record()))
    await this.deps.journal.write([...records, ...more])
  }

  /** Gives the rows that wait for `host` to others. A row that stays for want of others keeps its place. */
  private async evacuate(host: PeerKey, error: AppError, states: readonly RowState[]): Promise<boolean> {
    const moved: ChunkRow[] = []
    const stuck = new Set<FileEntry>()
    for (const chunk of this.chunks.values()) {
      const rows = waitingAt(chunk, host, states)
      if (rows.length === 0) continue
      const group = this.groups.without(groupOf(chunk), host)
      if (group === undefined) for (const file of chunk.users.keys()) stuck.add(file)
      else moved.push(...this.move(chunk, rows, group.hosts))
      chunk.group = group ?? chunk.group
    }
    if (error.kind !== 'transient') this.tellClosed(stuck, error)
    if (moved.length > 0) {
      const gone = new Map(moved.map(({ chunk }) => [chunk, new Set(moved.filter((row) => row.chunk === chunk).map(({ index }) => index))]))
      this.lane(host).remove((row) => gone.get(row.chunk)?.has(row.index) === true)
      try {
        await this.save(new Set(gone.keys()), [])
      } catch (problem) {
        this.broken(moved, problem)
      }
      this.enqueue(moved)
    }
    return stuck.size === 0
  }

  /** Stops the store of `files` when all hosts are there and none of them takes anything. */
  private tellClosed(files: Iterable<FileEntry>, cause?: AppError): void {
    const reason = this.deps.hosts.allClosed()
    if (reason === undefined) return
    const because = cause === undefined ? {} : { cause }
    const error = reason === 'full' ? new AppError('quota', 'hosts.full', 'no host has room', because) : new AppError('denied', 'hosts.refuse', 'no host takes anything from this browser', because)
    for (const file of files) this.deps.failed(file, error)
  }

  private move(chunk: Chunk, rows: readonly number[], hosts: readonly PeerKey[]): ChunkRow[] {
    for (const index of rows) {
      const host = hosts[index]
      if (host !== undefined) chunk.rows[index] = { host: hostBytes(host), state: 'none', lease: undefined }
    }
    return rows.map((index) => ({ chunk, index }))
  }

  private broken(rows: readonly ChunkRow[], cause: unknown): void {
    const lost = !isAppError(cause) || cause.kind === 'absent' || cause.kind === 'corrupt'
    const error = lost ? new AppError('corrupt', 'outbox.lost', 'what was waiting to be sent is missing on this device', { cause }) : cause
    for (const { chunk, index } of rows) {
      if (lost) chunk.lost.add(index)
      for (const file of chunk.users.keys()) this.deps.failed(file, error)
    }
  }
}

function setState(chunk: Chunk, index: number, state: RowState, lease: Bytes | undefined): void {
  const row = chunk.rows[index]
  if (row !== undefined) chunk.rows[index] = { ...row, state, lease }
}

function waitingAt(chunk: Chunk, host: PeerKey, states: readonly RowState[]): number[] {
  return chunk.rows.flatMap((row, index) => {
    const here = row.host !== undefined && states.includes(row.state) && toHex(row.host) === host
    return here ? [index] : []
  })
}

/** The chunk's host list; '' for a row that has none yet. */
function groupOf(chunk: Chunk): Group {
  return chunk.group ?? { hosts: chunk.rows.map(({ host }) => (host === undefined ? '' : toHex(host))) }
}

function nameOf(chunk: Chunk): Bytes {
  return hostBytes(chunk.name)
}
