import type { Bytes } from '../base/bytes.ts'
import {
  bytes,
  decode,
  encode,
  fixed,
  list,
  malformed,
  oneOf,
  refined,
  struct,
  uint,
  versioned,
  type Codec,
} from './codec.ts'
import { chunkEntry } from './entry.ts'

/** A subtree, stored as a sealed object of its own (docs/formats/objects.md 3). */
export interface TreeChild {
  /** Entries below it, at least 1, and bytes of plaintext below it (0 in a placement tree). */
  readonly count: number
  readonly size: number
  /** BLAKE3 of its sealed object, and the length of that in bytes. */
  readonly name: Bytes
  readonly length: number
  /** Its object key, 32 bytes. */
  readonly key: Bytes
}

/** A node of a manifest tree or of a placement tree. */
export type TreeNode =
  | { readonly kind: 'leaf'; readonly entries: readonly Bytes[] }
  | { readonly kind: 'branch'; readonly children: readonly TreeChild[] }

/** What the entries of a tree are. */
export type TreeKind = 'manifest' | 'placement'

/** Bytes of an encoded node at most: sealed it must stay under `OBJECT_BYTES`. */
export const NODE_BYTES = 48 * 1024
/** Bytes of a root that a writer embeds at most: two of them and the hosts must fit in one share object. */
export const ROOT_BYTES = 12 * 1024
/** Bytes of a sealed object at most: it is sent and kept whole. */
export const OBJECT_BYTES = 64 * 1024
/** Levels of a tree, root and leaves included: 12 KiB, 48 KiB, 48 KiB of children and leaves hold 2^27 chunks. */
export const TREE_DEPTH = 4

const LEAF_ENTRIES = 4096
const BRANCH_CHILDREN = 512
/** Version, kind, and the longest count of items (2 bytes). */
const NODE_HEAD = 4

const kind = oneOf(['leaf', 'branch'])
const entries = list(bytes(16 * 1024), LEAF_ENTRIES, 1)
const child: Codec<TreeChild> = struct<TreeChild>({
  count: refined(uint(), (count) => (count < 1 ? 'a subtree without entries' : undefined)),
  size: uint(),
  name: fixed(32),
  length: uint(OBJECT_BYTES),
  key: fixed(32),
})
const children = list(child, BRANCH_CHILDREN, 1)

const body: Codec<TreeNode> = {
  write(to, node) {
    kind.write(to, node.kind)
    if (node.kind === 'leaf') entries.write(to, [...node.entries])
    else children.write(to, [...node.children])
  },
  read(from) {
    if (kind.read(from) === 'leaf') return { kind: 'leaf', entries: entries.read(from) }
    return { kind: 'branch', children: children.read(from) }
  },
}

/** A node; `decodeNode` and `embedded` hold it to `NODE_BYTES`. */
export const treeNode: Codec<TreeNode> = versioned(1, body)

/** A node of at most `NODE_BYTES`. Throws `invalid` `format.*`. */
export function decodeNode(encoded: Uint8Array): TreeNode {
  if (encoded.length > NODE_BYTES) throw malformed('format.range', 'a tree node is too long')
  return decode(treeNode, encoded)
}

/** The entries and plaintext bytes below a node. Decodes the entries of a manifest leaf; throws `invalid` `format.*`. */
export function totals(node: TreeNode, tree: TreeKind): { count: number; size: number } {
  if (node.kind === 'branch') return sum(node.children)
  if (tree === 'placement') return { count: node.entries.length, size: 0 }
  return sum(node.entries.map((entry) => ({ count: 1, size: decode(chunkEntry, entry).size })))
}

function sum(parts: readonly { count: number; size: number }[]): { count: number; size: number } {
  let count = 0
  let size = 0
  for (const part of parts) {
    count += part.count
    size += part.size
  }
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(size)) throw malformed('format.range', 'a sum is out of range')
  return { count, size }
}

/** Encoded entries in order, in runs that each fill one leaf. */
export function leavesOf(encoded: readonly Bytes[]): TreeNode[] {
  const cost = (entry: Bytes): number => entry.length + encode(uint(), entry.length).length
  return runs(encoded, cost, LEAF_ENTRIES).map((run) => ({ kind: 'leaf', entries: run }))
}

/** Children in order, in runs that each fill one branch. */
export function branchesOf(all: readonly TreeChild[]): TreeNode[] {
  const cost = (one: TreeChild): number => encode(child, one).length
  return runs(all, cost, BRANCH_CHILDREN).map((run) => ({ kind: 'branch', children: run }))
}

function runs<T>(items: readonly T[], cost: (item: T) => number, most: number): T[][] {
  const all: T[][] = []
  let open: T[] = []
  let used = NODE_HEAD
  for (const item of items) {
    const bytes = cost(item)
    if (open.length === most || (open.length > 0 && used + bytes > NODE_BYTES)) {
      all.push(open)
      open = []
      used = NODE_HEAD
    }
    open.push(item)
    used += bytes
  }
  if (open.length > 0) all.push(open)
  return all
}
