import { toHex } from '../../base/bytes.ts'
import { AppError, isAppError } from '../../base/errors.ts'
import { decode } from '../../formats/codec.ts'
import { chunkEntry, parityEntry } from '../../formats/entry.ts'
import { rowsMatch, type ShareContent } from '../../formats/share.ts'
import { decodeNode, totals, TREE_DEPTH, type TreeChild, type TreeKind, type TreeNode } from '../../formats/tree-node.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Bytes } from '../../base/bytes.ts'
import { openObject } from '../../seal/object.ts'
import type { Shelf } from '../cache/shelf.ts'
import { indexAt } from './own.ts'
import type { PieceMap, PieceRow, PieceView } from './piece.ts'
import type { GetShard } from './reader.ts'
import { fetchRows, type RowDeps } from './rows.ts'

/** Opened nodes kept: the path to where a reader is, in both trees, and some neighbours. */
const NODES = 32

type Stored = Extract<ShareContent, { kind: 'stored' }>

export interface SharedDeps {
  readonly blake3: Blake3
  readonly clock: Clock
  readonly getShard: GetShard
  /** Copies of nodes on this device, which come first. */
  readonly shelf?: Shelf | undefined
}

/** A place in a tree: the entry's index, where its plaintext starts, and its bytes. */
interface Found {
  readonly index: number
  readonly start: number
  readonly encoded: Bytes
}

/** The pieces of a shared file, from its manifest and placement. What contradicts itself is `corrupt` `share.damaged`. */
export class SharedPieces implements PieceMap {
  private readonly share: Stored
  private readonly deps: SharedDeps
  private readonly hosts: readonly string[]
  private readonly groupStarts: readonly number[]
  private readonly nodes = new Map<string, TreeNode>()

  constructor(share: Stored, deps: SharedDeps) {
    this.share = share
    this.deps = deps
    this.hosts = share.hosts.map(({ key }) => toHex(key))
    let chunks = 0
    this.groupStarts = share.groups.map((group) => (chunks += group.chunks) - group.chunks)
  }

  async pieceAt(offset: number, signal: AbortSignal): Promise<PieceView> {
    const found = await this.find('manifest', offset, signal)
    const parity = await this.find('placement', found.index, signal)
    try {
      return this.view(found, decode(parityEntry, parity.encoded))
    } catch (cause) {
      throw damaged('an entry that cannot be read', cause)
    }
  }

  private view(found: Found, parity: readonly Bytes[]): PieceView {
    const { k, shardSize, roots, offset, length, key, hash, size } = decode(chunkEntry, found.encoded)
    const group = this.share.groups[indexAt(this.groupStarts, found.index)]
    if (group === undefined || !rowsMatch(group, k, parity.length)) throw damaged('a piece with other rows than its group')
    const rows: PieceRow[] = [...roots, ...parity].flatMap((root, index) => {
      const host = this.hosts[group.rows[index] ?? -1]
      return host === undefined ? [] : [{ index, root: toHex(root), host }]
    })
    return { start: found.start, frame: { offset, length, key, hash, size }, k, n: k + parity.length, shardSize, rows }
  }

  /** In a manifest the entry that holds byte `at`, in a placement the entry of index `at`. */
  private async find(tree: TreeKind, at: number, signal: AbortSignal): Promise<Found> {
    let node = this.share[tree]
    let index = 0
    let start = 0
    for (let depth = 1; node.kind === 'branch'; depth++) {
      if (depth >= TREE_DEPTH) throw damaged('a tree that is too deep')
      let next: TreeChild | undefined
      for (const child of node.children) {
        const end = tree === 'manifest' ? start + child.size : index + child.count
        if (at < end) next = child
        if (next !== undefined) break
        index += child.count
        start += child.size
      }
      if (next === undefined) throw damaged('a position outside the file')
      node = await this.node(tree, next, signal)
    }
    for (const encoded of node.entries) {
      const size = tree === 'manifest' ? decode(chunkEntry, encoded).size : 0
      if (tree === 'manifest' ? at < start + size : at === index) return { index, start, encoded }
      index++
      start += size
    }
    throw damaged('a position outside the file')
  }

  private async node(tree: TreeKind, child: TreeChild, signal: AbortSignal): Promise<TreeNode> {
    const name = toHex(child.name)
    const known = this.nodes.get(name)
    if (known !== undefined) return known
    const node = (await this.copied(tree, child)) ?? (await this.fetched(tree, child, signal))
    this.keep(name, node)
    return node
  }

  /** A node from its copy on this device; one that does not open is dropped. */
  private async copied(tree: TreeKind, child: TreeChild): Promise<TreeNode | undefined> {
    const { shelf } = this.deps
    const bytes = await shelf?.get(child.key)
    if (bytes === undefined) return undefined
    try {
      return await this.opened(tree, child, bytes)
    } catch {
      await shelf?.drop(child.key)
      return undefined
    }
  }

  private async fetched(tree: TreeKind, child: TreeChild, signal: AbortSignal): Promise<TreeNode> {
    const root = toHex(child.name)
    const rows = this.hosts.map((host, index) => ({ index, root, host }))
    const get: RowDeps['get'] = (host, name, stop) => this.deps.getShard(host, name, undefined, stop)
    const fetched = await fetchRows(rows, 1, rows.length, { clock: this.deps.clock, get, note: () => undefined, late: () => undefined }, signal)
    const bytes = fetched[0]?.bytes ?? new Uint8Array()
    const node = await this.opened(tree, child, bytes)
    await this.deps.shelf?.put(child.key, bytes)
    return node
  }

  private async opened(tree: TreeKind, child: TreeChild, bytes: Bytes): Promise<TreeNode> {
    try {
      const node = decodeNode(await openObject(bytes, child.key, this.deps.blake3))
      const sum = totals(node, tree)
      if (sum.count !== child.count || sum.size !== child.size || bytes.length !== child.length) throw damaged('a subtree that is not what its parent says')
      return node
    } catch (cause) {
      throw isAppError(cause) && cause.code === 'share.damaged' ? cause : damaged('a node that does not open', cause)
    }
  }

  private keep(name: string, node: TreeNode): void {
    this.nodes.set(name, node)
    for (const oldest of this.nodes.keys()) {
      if (this.nodes.size <= NODES) break
      this.nodes.delete(oldest)
    }
  }
}

function damaged(message: string, cause?: unknown): AppError {
  return new AppError('corrupt', 'share.damaged', message, cause === undefined ? {} : { cause })
}
