import { fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import { encode } from '../../formats/codec.ts'
import { chunkEntry, parityEntry } from '../../formats/entry.ts'
import { refRecord, sealedRecord, type Health, type RefRecord, type SealedRecord } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import { GROUP_CHUNKS, HOST_ADDRESSES, SHARE_HOSTS, type ShareContent, type ShareGroup } from '../../formats/share.ts'
import { survives, type Spread } from '../../placement/survives.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { PeerKey } from '../../ports/network.ts'
import type { Journal } from '../journal.ts'
import type { FileEntry } from '../list/entry.ts'
import { isOpen } from '../store/chunk.ts'
import { NodeStore, type NodeStoreDeps } from './nodes.ts'
import { TreeBuilder } from './tree.ts'

export interface ShareDeps extends NodeStoreDeps {
  readonly blake3: Blake3
}

/** What a stored file's share object holds, the tree nodes below it, and what the file withstands. */
export interface BuiltShare {
  readonly content: ShareContent
  readonly nodes: readonly Bytes[]
  readonly health: Omit<Health, 'restorable' | 'survives' | 'hosts'>
  /** Of all chunks and nodes; the object's own holders are not known yet. */
  readonly survives: number
  readonly hosts: ReadonlySet<PeerKey>
}

/**
 * Builds manifest and placement of a file whose pieces all have their receipts, and stores the nodes of both trees.
 * Errors: `transient` `hosts.none`; `transient` `file.pending` when a piece has not all its receipts; `corrupt` `list.damaged`.
 */
export async function buildShare(file: FileEntry, sealKey: Bytes, deps: ShareDeps, signal: AbortSignal): Promise<BuiltShare> {
  const health = new HealthCount()
  const nodes = new NodeStore(file, health.hosts, deps)
  const store = (node: Parameters<NodeStore['add']>[0]): Promise<void> => nodes.add(node, signal)
  const manifest = new TreeBuilder(sealKey, deps.blake3, store)
  const placement = new TreeBuilder(sealKey, deps.blake3, store)
  const groups = new GroupList()
  for await (const { ref, sealed } of piecesOf(file.id, deps.journal)) {
    if (sealed.rows.some(({ state }) => isOpen(state))) {
      throw new AppError('transient', 'file.pending', 'a piece has not all its receipts yet')
    }
    await manifest.add({ encoded: encode(chunkEntry, entryOf(ref, sealed)), size: ref.frame.size })
    await placement.add({ encoded: encode(parityEntry, sealed.roots.slice(sealed.k)), size: 0 })
    groups.add(hostsOf(sealed))
    health.add(ref, sealed)
  }
  const roots = { manifest: await manifest.finish(), placement: await placement.finish() }
  await nodes.flush(signal)
  for (const holders of nodes.holders) {
    health.addSpread({ k: 1, rows: holders })
    for (const host of holders) groups.indexOf(host)
  }
  const hosts = groups.hosts.map((key) => ({ key: fromHex(key), addresses: deps.hosts.addresses(key).slice(0, HOST_ADDRESSES) }))
  return {
    content: { kind: 'stored', hosts, groups: groups.groups, ...roots },
    nodes: nodes.names,
    health: health.counts(),
    survives: health.survives,
    hosts: health.hosts,
  }
}

/** The pieces of a file in order, with their sealed chunks. Throws `corrupt` `list.damaged` when the list contradicts itself. */
export async function* piecesOf(id: string, journal: Journal): AsyncIterable<{ ref: RefRecord; sealed: SealedRecord; name: string }> {
  let last: { name: string; sealed: SealedRecord } | undefined
  for await (const [, ref] of journal.entries(listKey.refs(fromHex(id)), refRecord)) {
    const name = toHex(ref.sealed)
    if (last?.name !== name) {
      const sealed = await journal.read(listKey.sealed(ref.sealed), sealedRecord)
      if (sealed === undefined) throw new AppError('corrupt', 'list.damaged', 'a piece whose sealed chunk is not in the list')
      last = { name, sealed }
    }
    yield { ref, sealed: last.sealed, name }
  }
}

function entryOf({ frame }: RefRecord, { k, shardSize, roots }: SealedRecord): Parameters<typeof chunkEntry.write>[1] {
  const { offset, length, key, hash, size } = frame
  return { k, shardSize, offset, length, key, hash, size, roots: roots.slice(0, k) }
}

function hostsOf({ rows }: SealedRecord): PeerKey[] {
  return rows.map(({ host }) => (host === undefined ? '' : toHex(host)))
}

/** Runs of chunks with the same host list. */
class GroupList {
  readonly hosts: PeerKey[] = []
  readonly groups: ShareGroup[] = []
  private last = ''
  private readonly indexes = new Map<PeerKey, number>()

  add(list: readonly PeerKey[]): void {
    const name = list.join(' ')
    const open = this.groups.at(-1)
    if (open !== undefined && name === this.last && open.chunks < GROUP_CHUNKS) {
      this.groups[this.groups.length - 1] = { ...open, chunks: open.chunks + 1 }
      return
    }
    this.last = name
    this.groups.push({ chunks: 1, rows: list.map((key) => this.indexOf(key)) })
  }

  /** The host's place in the table, which grows when it has none. */
  indexOf(key: PeerKey): number {
    const known = this.indexes.get(key)
    if (known !== undefined) return known
    if (this.hosts.length >= SHARE_HOSTS) throw new AppError('invalid', 'share.hosts', 'a file on more hosts than a link can name')
    this.indexes.set(key, this.hosts.length)
    return this.hosts.push(key) - 1
  }
}

/** Sums up what a file withstands while its pieces pass by. */
export class HealthCount {
  survives = Infinity
  readonly hosts = new Set<PeerKey>()
  private badRows = 0
  private readonly badHosts = new Set<PeerKey>()
  private stored = 0
  private last: SealedRecord | undefined

  add(ref: RefRecord, sealed: SealedRecord): void {
    this.stored += Math.ceil((ref.frame.length * sealed.rows.length) / sealed.k)
    if (this.last === sealed) return
    this.last = sealed
    for (const { host, state } of sealed.rows) {
      if (host === undefined) continue
      this.hosts.add(toHex(host))
      if (state !== 'bad') continue
      this.badRows++
      this.badHosts.add(toHex(host))
    }
    this.addSpread({ k: sealed.k, rows: sealed.rows.map(({ host, state }) => (host === undefined || state !== 'leased' ? undefined : toHex(host))) })
  }

  addSpread(spread: Spread): void {
    this.survives = Math.min(this.survives, survives([spread]))
  }

  counts(): BuiltShare['health'] {
    return { badRows: this.badRows, badHosts: this.badHosts.size, stored: this.stored }
  }
}
