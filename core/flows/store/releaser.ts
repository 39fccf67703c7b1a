import { fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import { isAppError, throwIfAborted } from '../../base/errors.ts'
import {
  nodeRecord,
  pieceRecord,
  refRecord,
  releaseRecord,
  sealedRecord,
  type RefRecord,
  type ReleaseRecord,
} from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import { decodeReceipt, LEASE_SECONDS } from '../../formats/receipt.ts'
import type { Clock } from '../../ports/clock.ts'
import type { MetaChange, MetaStore } from '../../ports/meta-store.ts'
import type { PeerKey } from '../../ports/network.ts'
import type { ShardClient } from '../../swarm/shard-client.ts'
import { Bell, ringOr } from '../bell.ts'
import type { Hosts } from '../hosts/hosts.ts'
import { put, type Journal } from '../journal.ts'
import type { Publisher } from '../link/publisher.ts'
import type { FileEntry } from '../list/entry.ts'
import type { Table } from '../list/table.ts'
import { isUsedByOthers } from '../list/uses.ts'
import type { Mutex } from '../mutex.ts'
import { mergeReleases } from './keeper.ts'
import type { Shipper } from './shipper.ts'

/** Hosts that could not be told are tried again after this, in ms, or when one connects. */
const AGAIN_MS = 60_000
/** Holders of a link that cannot be reached are tried again after the first of these, in ms, then after twice as long, up to the second. */
const FIRST_RETRACT_MS = 60_000
const LONGEST_RETRACT_MS = 6 * 3_600_000
/** Links taken back at once: each asks twenty hosts and the DHT. */
const RETRACTED = 4
/** Changes of the network come in bursts. */
const BURST_MS = 500

/** When a link is taken back again, and which holders were connected without taking it. */
interface Retry {
  readonly at: number
  readonly wait: number
  readonly deaf: ReadonlySet<PeerKey>
}

export interface ReleaserDeps {
  readonly journal: Journal
  readonly meta: MetaStore
  readonly shipper: Shipper
  readonly table: Table
  readonly hosts: Hosts
  readonly publisher: Publisher
  readonly references: Mutex
  readonly clock: Clock
  /** A client of `host` as the tenant that holds leases under `secret`. */
  readonly clientFor: (secret: Bytes, host: PeerKey, signal: AbortSignal) => Promise<ShardClient>
}

/** Undoes the storing of files: references first, then leases on hosts, now or when these can be reached. */
export class Releaser {
  private readonly files = new Set<FileEntry>()
  private readonly retries = new Map<FileEntry, Retry>()
  private readonly bell = new Bell()
  private readonly deps: ReleaserDeps

  constructor(deps: ReleaserDeps) {
    this.deps = deps
  }

  /** A file whose record says `removing`. */
  add(file: FileEntry): void {
    this.files.add(file)
    this.bell.ring()
  }

  /** There are leases to release: of a cancelled chunk, or of rows that moved. */
  wake(): void {
    this.bell.ring()
  }

  /** Works until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const files = [...this.files]
        for (const file of files) await this.releaseParts(file, signal)
        const left = await this.tellHosts(signal)
        await this.retractAll(files, signal)
        if (!left && this.files.size === 0) await this.bell.wait(signal)
        else await Promise.race([this.bell.wait(signal), this.network(signal)])
      } catch (error) {
        // A disk that failed now may work later; what is to be released stands in the list.
        if (!isAppError(error, 'aborted')) await this.rest(signal)
      }
    }
  }

  /** Takes what the file refers to out of the list step by step: each leaves the list true, and is repeated after a crash. */
  private async releaseParts(file: FileEntry, signal: AbortSignal): Promise<void> {
    await this.releasePieces(file, signal)
    for (const name of await this.nodesOf(file)) await this.deps.references.run(() => this.releaseNode(file, name))
  }

  private async retractAll(files: readonly FileEntry[], signal: AbortSignal): Promise<void> {
    const waiting = files.filter((file) => this.isDue(file, this.retries.get(file)))
    const next = async (): Promise<void> => {
      for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await this.retract(file, signal)
    }
    await Promise.all(Array.from({ length: RETRACTED }, next))
  }

  /** Takes the link back; once every holder knows, the file is forgotten. */
  private async retract(file: FileEntry, signal: AbortSignal): Promise<void> {
    const { clock, hosts, publisher, table } = this.deps
    const { share } = file.record
    const ended = share === undefined || clock.now() > share.sequence + LEASE_SECONDS * 1000
    const left = ended ? [] : await publisher.retract(file, signal)
    if (share === undefined || left.length === 0) {
      await table.forget(file)
      this.files.delete(file)
      this.retries.delete(file)
      return
    }
    const wait = Math.min(LONGEST_RETRACT_MS, 2 * (this.retries.get(file)?.wait ?? FIRST_RETRACT_MS / 2))
    const deaf = new Set(left.map(toHex).filter((host) => hosts.isConnected(host)))
    this.retries.set(file, { at: clock.now() + wait, wait, deaf })
    await table.update(file, { share: { ...share, holders: left, nodes: [] } })
  }

  /** Whether to take the link back now: for the first time, after its wait, or because a holder came back. */
  private isDue({ record }: FileEntry, retry: Retry | undefined): boolean {
    if (retry === undefined || this.deps.clock.now() >= retry.at) return true
    return record.share?.holders.some((host) => !retry.deaf.has(toHex(host)) && this.deps.hosts.isConnected(toHex(host))) === true
  }

  /** Gives up all pieces of a file; its record stays. */
  async releasePieces(file: FileEntry, signal: AbortSignal): Promise<void> {
    const pieces = new Map<string, { key: string; ref: RefRecord }[]>()
    for await (const [key, ref] of this.deps.journal.entries(listKey.refs(fromHex(file.id)), refRecord)) {
      const name = toHex(ref.sealed)
      pieces.set(name, [...(pieces.get(name) ?? []), { key, ref }])
    }
    for (const [name, refs] of pieces) {
      throwIfAborted(signal)
      await this.deps.references.run(() => this.releaseChunk(file, name, refs))
    }
  }

  private async releaseChunk(file: FileEntry, name: string, refs: readonly { key: string; ref: RefRecord }[]): Promise<void> {
    const { journal, shipper } = this.deps
    const sealedName = fromHex(name)
    const changes: MetaChange[] = [{ del: listKey.use(sealedName, fromHex(file.id)) }, ...refs.map(({ key }) => ({ del: key }))]
    const chunk = shipper.chunks.get(name)
    const last = !(await isUsedByOthers(journal, sealedName, file.id))
    if (last) {
      // From here on a receipt that comes is one to be released under: none slips in between this look at the rows and their end.
      chunk?.dropped.abort()
      const sealed = chunk?.record() ?? (await journal.read(listKey.sealed(sealedName), sealedRecord))
      const held = (sealed?.rows ?? []).flatMap(({ host, lease }, index) => {
        const root = sealed?.roots[index]
        return host === undefined || lease === undefined || root === undefined ? [] : [{ host, lease, root }]
      })
      if (sealed !== undefined) changes.push(...(await this.releases(held, sealed.secret)), { del: listKey.sealed(sealedName) })
      for (const { ref } of refs) {
        const piece = await journal.read(listKey.piece(ref.piece), pieceRecord)
        if (piece !== undefined && toHex(piece.sealed) === name) changes.push({ del: listKey.piece(ref.piece) })
      }
    }
    chunk?.users.delete(file)
    await journal.write(changes, { strict: true })
    if (chunk !== undefined && last) await shipper.drop(chunk)
  }

  private async releaseNode(file: FileEntry, name: Bytes): Promise<void> {
    const { journal } = this.deps
    const changes: MetaChange[] = [{ del: listKey.use(name, fromHex(file.id)) }]
    const node = await journal.read(listKey.node(name), nodeRecord)
    if (node !== undefined && !(await isUsedByOthers(journal, name, file.id))) {
      const held = node.holders.map(({ host, lease }) => ({ host, lease, root: name }))
      changes.push(...(await this.releases(held, file.record.secret)), { del: listKey.node(name) })
    }
    await journal.write(changes, { strict: true })
  }

  /** Nodes that the file refers to; while its link is being published, the first time or anew, it does not name all of them itself. */
  private async nodesOf(file: FileEntry): Promise<readonly Bytes[]> {
    const { share } = file.record
    if (share?.stale === false) return share.nodes
    const names: Bytes[] = []
    for await (const [key] of this.deps.journal.entries('node/', nodeRecord)) {
      const name = fromHex(key.slice('node/'.length))
      if ((await this.deps.meta.get(listKey.use(name, fromHex(file.id)))) !== undefined) names.push(name)
    }
    return names
  }

  private releases(held: readonly { host: Bytes; lease: Bytes; root: Bytes }[], secret: Bytes): Promise<MetaChange[]> {
    return mergeReleases(this.deps.journal, held, { secret, now: this.deps.clock.now() })
  }

  /** Tells hosts what may go. Resolves to whether something is left. */
  private async tellHosts(signal: AbortSignal): Promise<boolean> {
    const waiting: { key: string; host: PeerKey; lease: Bytes; record: ReleaseRecord }[] = []
    for await (const [key, record] of this.deps.journal.entries('release/', releaseRecord)) {
      const [, host, lease] = key.split('/')
      if (host !== undefined && lease !== undefined) waiting.push({ key, host, lease: fromHex(lease), record })
    }
    const deaf = new Set<PeerKey>()
    for (const { key, host, lease, record } of waiting) {
      throwIfAborted(signal)
      if (record.expires < this.deps.clock.now()) await this.settled(key, record, lease)
      else if (!deaf.has(host)) {
        try {
          const client = await this.deps.clientFor(record.secret, host, signal)
          await client.release(lease, record.roots, { signal })
          await this.settled(key, record, lease)
        } catch (error) {
          throwIfAborted(signal)
          deaf.add(host)
          if (isAppError(error, 'bug')) throw error
        }
      }
    }
    return deaf.size > 0
  }

  /** Takes what was released off the list, but for what came on it meanwhile; a receipt for nothing more goes too. */
  private settled(key: string, done: ReleaseRecord, lease: Bytes): Promise<void> {
    return this.deps.references.run(async () => {
      const now = await this.deps.journal.read(key, releaseRecord)
      const gone = new Set(done.roots.map(toHex))
      const roots = now?.roots.filter((root) => !gone.has(toHex(root))) ?? []
      const changes: MetaChange[] = now === undefined || roots.length === 0 ? [{ del: key }] : [put(key, releaseRecord, { ...now, roots })]
      const receipt = await this.deps.meta.get(listKey.lease(lease))
      if (receipt !== undefined && decodeReceipt(receipt).shards.every(({ root }) => gone.has(toHex(root)))) changes.push({ del: listKey.lease(lease) })
      await this.deps.journal.write(changes)
    })
  }

  private async network(signal: AbortSignal): Promise<void> {
    await ringOr(this.deps.hosts.changed, AGAIN_MS, this.deps.clock, signal)
    await this.deps.clock.sleep(BURST_MS, signal)
  }

  private async rest(signal: AbortSignal): Promise<void> {
    try {
      await this.deps.clock.sleep(AGAIN_MS, signal)
    } catch (error) {
      if (!isAppError(error, 'aborted')) throw error
    }
  }
}
