import { fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, isAppError, throwIfAborted } from '../../base/errors.ts'
import { HOLDERS, nodeRecord, type Holder, type NodeRecord } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Clock } from '../../ports/clock.ts'
import type { MetaChange } from '../../ports/meta-store.ts'
import type { PeerKey } from '../../ports/network.ts'
import type { SealedObject } from '../../seal/object.ts'
import type { Hosts } from '../hosts/hosts.ts'
import { put, type Journal } from '../journal.ts'
import type { FileEntry } from '../list/entry.ts'
import type { Mutex } from '../mutex.ts'
import { mergeReleases } from '../store/keeper.ts'
import type { ShardClient, SignedReceipt } from '../../swarm/shard-client.ts'

/** Copies of each tree node: a node is needed by every reader, and small. */
const COPIES = 8
/** Nodes of one receipt: 64 × 64 KiB in memory at most, for each file that is being published. */
const BATCH = 64

export interface NodeStoreDeps {
  readonly journal: Journal
  readonly hosts: Hosts
  readonly clock: Clock
  /** Held while references are made or taken away, as in `KeeperDeps`. */
  readonly references: Mutex
  /** A client of `host` as the tenant that holds leases under `secret`. */
  readonly clientFor: (secret: Bytes, host: PeerKey, signal: AbortSignal) => Promise<ShardClient>
  /** There are leases to release. */
  readonly orphaned: () => void
}

/** Keeps the nodes of one file's trees as whole shards on hosts. */
export class NodeStore {
  /** Nodes of the file, in the order in which they were added. */
  readonly names: Bytes[] = []
  /** Hosts of each node. */
  readonly holders: (readonly PeerKey[])[] = []
  private readonly added = new Set<string>()
  private waiting: SealedObject[] = []
  private readonly file: FileEntry
  private readonly own: ReadonlySet<PeerKey>
  private readonly deps: NodeStoreDeps

  /** `own`: hosts of the file's chunks, as far as they are known when nodes are written. */
  constructor(file: FileEntry, own: ReadonlySet<PeerKey>, deps: NodeStoreDeps) {
    this.file = file
    this.own = own
    this.deps = deps
  }

  /** Adds a node; one that all its hosts say they hold still is only referred to. */
  async add(node: SealedObject, signal: AbortSignal): Promise<void> {
    const name = toHex(node.name)
    // The same content gives the same node.
    if (this.added.has(name)) return
    this.added.add(name)
    this.names.push(node.name)
    const there = await this.deps.journal.read(listKey.node(node.name), nodeRecord)
    if (there !== undefined && (await this.isAlive(node.name, there, signal))) {
      const now = await this.refer(node.name)
      if (now !== undefined) {
        this.holders.push(now.holders.map(({ host }) => toHex(host)))
        return
      }
    }
    this.waiting.push(node)
    if (this.waiting.length >= BATCH) await this.flush(signal)
  }

  /**
   * Brings what waits to as many hosts as are to be had, `COPIES` at most. Throws `transient` `hosts.none` when not one took it. What was receipted
   * before an abort is recorded all the same: only so is it ever released.
   */
  async flush(signal: AbortSignal): Promise<void> {
    const nodes = this.waiting
    if (nodes.length === 0) return
    const queue = this.queue()
    const receipts: { host: PeerKey; receipt: SignedReceipt }[] = []
    let problem: AppError | undefined
    const next = async (): Promise<void> => {
      for (let host = queue.shift(); host !== undefined && !signal.aborted; host = queue.shift()) {
        try {
          receipts.push({ host, receipt: await this.bring(host, nodes, signal) })
          return
        } catch (error) {
          problem = asAppError(error, 'transient', 'host.failed')
        }
      }
    }
    await Promise.all(Array.from({ length: COPIES }, next))
    if (receipts.length > 0) await this.record(nodes, receipts.map(({ receipt }) => receipt))
    throwIfAborted(signal)
    if (receipts.length === 0) throw new AppError('transient', 'hosts.none', 'no host took the index of the file', { cause: problem })
    const holders = receipts.map(({ host }) => host)
    this.holders.push(...nodes.map(() => holders))
    this.waiting = []
  }

  /** Whether every holder confirms just now that it has the node under a lease: one that is away or forgot it does not count. */
  private async isAlive(name: Bytes, { holders }: NodeRecord, signal: AbortSignal): Promise<boolean> {
    const ask = async ({ host }: Holder): Promise<boolean> => {
      const key = toHex(host)
      if (!this.deps.hosts.isConnected(key)) return false
      try {
        const client = await this.deps.clientFor(this.file.record.secret, key, signal)
        return (await client.has([name], { signal }))[0] === 'leased'
      } catch (error) {
        throwIfAborted(signal)
        if (isAppError(error, 'bug')) throw error
        return false
      }
    }
    return (await Promise.all(holders.map(ask))).every((alive) => alive)
  }

  /** Hosts of the file first: a reader of the link asks those that the link names. */
  private queue(): PeerKey[] {
    const keys = this.deps.hosts.candidates().map(({ key }) => key)
    return [...keys.filter((key) => this.own.has(key)), ...keys.filter((key) => !this.own.has(key))]
  }

  private async bring(host: PeerKey, nodes: readonly SealedObject[], signal: AbortSignal): Promise<SignedReceipt> {
    const client = await this.deps.clientFor(this.file.record.secret, host, signal)
    const entries = nodes.map(({ name, bytes }) => ({ root: name, size: bytes.length }))
    const verdicts = await client.offer(entries, { signal })
    if (verdicts.includes('full')) throw new AppError('quota', 'host.full', 'the host has no room')
    for (const [i, { name, bytes }] of nodes.entries()) {
      if (verdicts[i] === 'send') await client.put(name, new Uint8Array(bytes), { signal })
    }
    // Not cut short: the receipt of what the host has committed would be lost.
    return await client.commit(entries)
  }

  /** Resolves to the node as it is in the list now, if it still is. */
  private refer(name: Bytes): Promise<NodeRecord | undefined> {
    return this.deps.references.run(async () => {
      throwIfAborted(this.file.control.signal)
      const now = await this.deps.journal.read(listKey.node(name), nodeRecord)
      if (now !== undefined) await this.deps.journal.write([this.use(name)])
      return now
    })
  }

  /** What is replaced, or was brought for a file that has been removed meanwhile, is released in the same batch. */
  private record(nodes: readonly SealedObject[], receipts: readonly SignedReceipt[]): Promise<void> {
    return this.deps.references.run(async () => {
      const { journal } = this.deps
      const fresh: Holder[] = receipts.map(({ receipt }) => ({ host: receipt.host, lease: receipt.lease }))
      const changes: MetaChange[] = receipts.map(({ receipt, bytes }) => ({ put: listKey.lease(receipt.lease), value: bytes }))
      const released: { host: Bytes; lease: Bytes; root: Bytes }[] = []
      for (const { name, bytes } of nodes) {
        const gone = this.file.control.signal.aborted
        const before = (await journal.read(listKey.node(name), nodeRecord))?.holders ?? []
        const { kept, replaced } = gone ? { kept: before, replaced: fresh } : renewed(before, fresh)
        released.push(...replaced.map(({ host, lease }) => ({ host, lease, root: name })))
        if (!gone) changes.push(put(listKey.node(name), nodeRecord, { length: bytes.length, holders: kept }), this.use(name))
      }
      changes.push(...(await mergeReleases(journal, released, { secret: this.file.record.secret, now: this.deps.clock.now() })))
      await journal.write(changes, { strict: true })
      if (released.length > 0) this.deps.orphaned()
    })
  }

  private use(name: Bytes): MetaChange {
    return { put: listKey.use(name, fromHex(this.file.id)), value: new Uint8Array() }
  }
}

/**
 * The holders of a node once `fresh` ones took it. One of `before` that gave a new lease needs its old one no more; the others are kept, for they may only
 * be away, and links name them. There are never more than `HOLDERS`.
 */
function renewed(before: readonly Holder[], fresh: readonly Holder[]): { readonly kept: readonly Holder[]; readonly replaced: readonly Holder[] } {
  const now = new Set(fresh.map(({ host }) => toHex(host)))
  const others = before.filter(({ host }) => !now.has(toHex(host)))
  const kept = [...fresh, ...others].slice(0, HOLDERS)
  return { kept, replaced: before.filter((holder) => !kept.includes(holder)) }
}
