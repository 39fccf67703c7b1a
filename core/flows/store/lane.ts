import { fromHex } from '../../base/bytes.ts'
import { AppError, asAppError, isAppError, throwIfAborted } from '../../base/errors.ts'
import type { RowState } from '../../formats/list.ts'
import type { Receipt, ReceiptShard } from '../../formats/receipt.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PeerKey } from '../../ports/network.ts'
import type { ShardRoot } from '../../ports/shard-store.ts'
import type { ShardClient } from '../../swarm/shard-client.ts'
import { Bell, isOver, ringOr } from '../bell.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { ChunkRow } from './chunk.ts'
import type { Outbox } from './outbox.ts'

/** Rows offered at once: some megabytes, so that the answers never starve the sender. */
const OFFERED = 32
/** Shards of one host in memory and on the wire at once; the protocol's window lets two interleave. */
const PUTS = 3
/** Rows acknowledged before a receipt is asked for: few signatures, and an outbox that empties before it is full. */
const COMMITTED = 32
/** A receipt is asked for when nothing new came for so long, in ms. */
const IDLE_MS = 400
/** Waits between attempts at a host that fails, in ms. */
const RETRY_MS = 500
const LONGEST_RETRY = 2000
/** A host that fails for so long, in ms, loses the rows that it has not got to others: at the start of a run it takes a while to reach all. */
const UNSENT_MS = 8000
/** And for so long the rows that it acknowledged: they would be sent twice, when all it needs is to come back, as a tab that is loaded again does within seconds. */
const ACKNOWLEDGED_MS = 20_000
/** A disk that failed is left alone this long, in ms. */
const DISK_REST_MS = 5000
/** Waits while nobody else can take the rows of a host that fails, in ms. */
const LONGEST_WAIT = 10_000

export interface LaneDeps {
  readonly hosts: Hosts
  readonly outbox: Outbox
  readonly clock: Clock
  /** A row was acknowledged. Resolves when that is durable. */
  readonly acknowledged: (rows: readonly ChunkRow[]) => Promise<void>
  /** The host does not have them, whatever it acknowledged before. */
  readonly unstaged: (rows: readonly ChunkRow[]) => void
  /** A receipt came for `rows`. Resolves when that is durable. */
  readonly leased: (rows: readonly ChunkRow[], receipt: Receipt, bytes: Uint8Array) => Promise<void>
  /** The host takes no more: gives its rows in one of `states` to others. Resolves to whether all of these went. */
  readonly evacuate: (host: PeerKey, error: AppError, states: readonly RowState[]) => Promise<boolean>
  /** A shard is missing or damaged on this device, or the device's disk fails. */
  readonly broken: (rows: readonly ChunkRow[], error: AppError) => void
}

/** Rows with one root, of one chunk: sent once. */
interface Parcel {
  readonly root: ShardRoot
  readonly size: number
  readonly rows: ChunkRow[]
}

/** The rows on their way to one host: offered, sent, acknowledged, and receipted in batches. */
export class Lane {
  readonly host: PeerKey
  private queue: ChunkRow[] = []
  private staged: Parcel[] = []
  /** Sent in part when nobody wanted them any more: the host may have them all the same. */
  private doubtful: Parcel[] = []
  private readonly bell = new Bell()
  private failures = 0
  /** When it began to fail, ms since 1970. */
  private failingSince: number | undefined
  /** Its disk is too full to keep what a receipt stands for. */
  private unsigned = false
  private readonly deps: LaneDeps

  constructor(host: PeerKey, deps: LaneDeps) {
    this.host = host
    this.deps = deps
  }

  add(rows: readonly ChunkRow[]): void {
    this.queue.push(...rows)
    this.bell.ring()
  }

  /** Takes out all rows that `gone` names, acknowledged ones included. */
  remove(gone: (row: ChunkRow) => boolean): void {
    this.queue = this.queue.filter((row) => !gone(row))
    this.staged = this.staged.filter(({ rows }) => !rows.every(gone))
  }

  /** Sends no more rows of `chunk`; those that were acknowledged still get a receipt. */
  forget(chunk: ChunkRow['chunk']): void {
    this.queue = this.queue.filter((row) => row.chunk !== chunk)
  }

  /** Works until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.turn(signal)
        this.recovered()
      } catch (error) {
        if (isOver(signal)) return
        await this.failed(asAppError(error, 'transient', 'host.failed'), signal)
      }
    }
  }

  private async turn(signal: AbortSignal): Promise<void> {
    if (this.queue.length === 0 && this.staged.length === 0 && this.doubtful.length === 0) {
      await this.bell.wait(signal)
      return
    }
    const client = await this.deps.hosts.client(this.host, signal)
    this.deps.hosts.reached(this.host)
    await this.clearDoubt(client, signal)
    const parcels = this.take()
    if (parcels.length > 0) await this.send(client, parcels, signal)
    else if (!this.hasRows() && this.staged.length < COMMITTED) {
      await ringOr(this.bell, IDLE_MS, this.deps.clock, signal)
      if (this.hasRows()) return
    }
    if (this.staged.length >= COMMITTED || parcels.length === 0) await this.commit(client, signal)
  }

  /** What the host has after all gets its receipt like the rest, under which it is released. */
  private async clearDoubt(client: ShardClient, signal: AbortSignal): Promise<void> {
    const asked = [...this.doubtful]
    if (asked.length === 0) return
    const holdings = await client.has(asked.map((parcel) => fromHex(parcel.root)), { signal })
    this.doubtful = this.doubtful.filter((parcel) => !asked.includes(parcel))
    this.staged.push(...asked.filter((_, i) => holdings[i] === 'staged'))
  }

  private hasRows(): boolean {
    return this.queue.length > 0
  }

  /** The next rows to send. No two chunks with the same shard share a receipt, so that releasing one never takes the other's. */
  private take(): Parcel[] {
    const parcels = new Map<ShardRoot, Parcel>()
    const held = new Set(this.staged.map(({ root }) => root))
    const later: ChunkRow[] = []
    for (const row of this.queue) {
      const root = row.chunk.rootNames[row.index] ?? ''
      const same = parcels.get(root)
      if (held.has(root) || (same !== undefined && same.rows[0]?.chunk !== row.chunk) || parcels.size >= OFFERED) later.push(row)
      else if (same !== undefined) same.rows.push(row)
      else parcels.set(root, { root, size: row.chunk.shardSize, rows: [row] })
    }
    this.queue = later
    return [...parcels.values()]
  }

  /** Offers and sends; what was not acknowledged goes back into the queue. */
  private async send(client: ShardClient, parcels: readonly Parcel[], signal: AbortSignal): Promise<void> {
    const left = new Set(parcels)
    try {
      const verdicts = await client.offer(parcels.map(entryOf), { signal })
      const wanted: Parcel[] = []
      for (const [i, parcel] of parcels.entries()) {
        const verdict = verdicts[i]
        if (verdict === 'staged' || verdict === 'leased') await this.acknowledge(parcel, left)
        else this.deps.unstaged(parcel.rows)
        if (verdict === 'send') wanted.push(parcel)
      }
      await this.putAll(client, wanted, left, signal)
      if (verdicts.includes('full')) throw new AppError('quota', 'host.full', 'the host has no room for a shard')
    } finally {
      for (const { rows } of left) this.queue.unshift(...rows.filter(wantedStill))
    }
  }

  private async putAll(client: ShardClient, wanted: Parcel[], left: Set<Parcel>, signal: AbortSignal): Promise<void> {
    const next = async (): Promise<void> => {
      for (let parcel = wanted.shift(); parcel !== undefined; parcel = wanted.shift()) {
        if (!parcel.rows.some(wantedStill)) left.delete(parcel)
        else await this.put(client, parcel, left, signal)
      }
    }
    const results = await Promise.allSettled(Array.from({ length: PUTS }, next))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  private async put(client: ShardClient, parcel: Parcel, left: Set<Parcel>, signal: AbortSignal): Promise<void> {
    const chunk = parcel.rows[0]?.chunk
    if (chunk === undefined) return
    const shard = await this.read(parcel, left, signal)
    if (shard === undefined) return
    const started = this.deps.clock.now()
    try {
      await client.put(fromHex(parcel.root), shard, { signal: AbortSignal.any([signal, chunk.dropped.signal]) })
    } catch (error) {
      throwIfAborted(signal)
      if (!chunk.dropped.signal.aborted) throw error
      left.delete(parcel)
      this.doubtful.push(parcel)
      return
    }
    this.deps.hosts.note(this.host, 'ok', shard.length, this.deps.clock.now() - started)
    await this.acknowledge(parcel, left)
  }

  /** A shard of the outbox. What is lost there is not sent; what a failing disk holds back is tried again later. */
  private async read(parcel: Parcel, left: Set<Parcel>, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      return await this.deps.outbox.get(parcel.root)
    } catch (cause) {
      if (!parcel.rows.some(wantedStill)) {
        left.delete(parcel)
        return undefined
      }
      const error = asAppError(cause, 'transient', 'storage.failed')
      this.deps.broken(parcel.rows, error)
      if (error.kind === 'absent' || error.kind === 'corrupt') left.delete(parcel)
      else await this.rest(new Bell(), DISK_REST_MS, signal)
      return undefined
    }
  }

  private async acknowledge(parcel: Parcel, left: Set<Parcel>): Promise<void> {
    left.delete(parcel)
    this.staged.push(parcel)
    try {
      await this.deps.acknowledged(parcel.rows)
    } catch (error) {
      this.deps.broken(parcel.rows, asAppError(error, 'transient', 'storage.failed'))
    }
  }

  private async commit(client: ShardClient, signal: AbortSignal): Promise<void> {
    const batch = this.staged.slice(0, 256)
    if (batch.length === 0) return
    let answer
    try {
      answer = await client.commit(batch.map(entryOf), { signal })
    } catch (error) {
      if (isAppError(error, 'absent')) this.unstage(batch)
      this.unsigned = isAppError(error, 'quota')
      // Nobody is given what nobody wants any more: it would be asked for again and again. Its stage ends by itself.
      if (this.unsigned) this.staged = this.staged.filter(({ rows }) => rows.some(wantedStill))
      throw error
    }
    this.staged = this.staged.filter((parcel) => !batch.includes(parcel))
    const rows = batch.flatMap((parcel) => parcel.rows)
    try {
      await this.deps.leased(rows, answer.receipt, answer.bytes)
    } catch (error) {
      // The receipt was not kept: another is asked for when the disk may be well again.
      this.staged.unshift(...batch)
      this.deps.broken(rows, asAppError(error, 'transient', 'storage.failed'))
      await this.rest(new Bell(), DISK_REST_MS, signal)
    }
  }

  /** The host says it has some of these no longer (a stage lasts 24 h): all are offered again, which sends only what is missing. */
  private unstage(batch: readonly Parcel[]): void {
    this.staged = this.staged.filter((parcel) => !batch.includes(parcel))
    this.queue.unshift(...batch.flatMap(({ rows }) => rows))
  }

  private async failed(error: AppError, signal: AbortSignal): Promise<void> {
    const { hosts, clock } = this.deps
    this.failures++
    this.failingSince ??= clock.now()
    const lasted = Math.abs(clock.now() - this.failingSince)
    const patient = error.kind === 'transient' || error.kind === 'absent'
    if (patient && lasted < UNSENT_MS) {
      await this.rest(new Bell(), Math.min(LONGEST_RETRY, RETRY_MS * 2 ** (this.failures - 1)), signal)
      return
    }
    hosts.cool(this.host, error.kind === 'quota' ? 'full' : patient ? 'down' : 'refuses')
    if (error.kind === 'corrupt') hosts.note(this.host, 'corrupt', 0, 0)
    // A full host still gives receipts for what it has acknowledged, unless it just could not.
    const all = patient ? lasted >= ACKNOWLEDGED_MS : error.kind !== 'quota' || this.unsigned
    this.unsigned = false
    if (await this.deps.evacuate(this.host, error, all ? ['none', 'acknowledged'] : ['none'])) {
      if (!patient || all) this.recovered()
      if (!patient) return
    }
    await this.rest(hosts.changed, Math.min(LONGEST_WAIT, RETRY_MS * 2 ** this.failures), signal)
  }

  private recovered(): void {
    this.failures = 0
    this.failingSince = undefined
  }

  private async rest(until: Bell, ms: number, signal: AbortSignal): Promise<void> {
    try {
      await ringOr(until, ms, this.deps.clock, signal)
    } catch (error) {
      if (!isAppError(error, 'aborted')) throw error
    }
  }
}

function entryOf({ root, size }: Parcel): ReceiptShard {
  return { root: fromHex(root), size }
}

function wantedStill({ chunk }: ChunkRow): boolean {
  return !chunk.dropped.signal.aborted
}
