import type { Bytes } from '../../base/bytes.ts'
import { encode } from '../../formats/codec.ts'
import { branchesOf, leavesOf, ROOT_BYTES, treeNode, type TreeChild, type TreeNode } from '../../formats/tree-node.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import { childKey, sealObject, type SealedObject } from '../../seal/object.ts'

/** An entry of a tree, encoded, and the bytes of plaintext it stands for (0 in a placement tree). */
export interface TreeEntry {
  readonly encoded: Bytes
  readonly size: number
}

/** Entries gathered before full leaves are written: bounds memory, whatever the size of the file. */
const GATHERED = 1024

/**
 * Builds a tree of entries (docs/formats/objects.md 3) as they come. Each node below the root goes to `store` once it is sealed; the
 * root, which is embedded in the share object, is what `finish` returns.
 */
export class TreeBuilder {
  private entries: TreeEntry[] = []
  private readonly children: TreeChild[] = []
  private readonly sealKey: Bytes
  private readonly blake3: Blake3
  private readonly store: (node: SealedObject) => Promise<void>

  constructor(sealKey: Bytes, blake3: Blake3, store: (node: SealedObject) => Promise<void>) {
    this.sealKey = sealKey
    this.blake3 = blake3
    this.store = store
  }

  async add(entry: TreeEntry): Promise<void> {
    this.entries.push(entry)
    if (this.entries.length >= GATHERED) await this.writeLeaves(1)
  }

  /** The root. At least one entry was added. */
  async finish(): Promise<TreeNode> {
    const leaves = leavesOf(this.entries.map(({ encoded }) => encoded))
    const only = leaves[0]
    if (this.children.length === 0 && leaves.length === 1 && only !== undefined && isRoot(only)) return only
    await this.writeLeaves(0)
    let children: readonly TreeChild[] = this.children
    for (;;) {
      const branches = branchesOf(children)
      const root = branches[0]
      if (branches.length === 1 && root !== undefined && isRoot(root)) return root
      const above: TreeChild[] = []
      for (const branch of branches) if (branch.kind === 'branch') above.push(await this.seal(branch, branch.children))
      children = above
    }
  }

  /** Writes the leaves that the gathered entries fill; the last `spare` of them may not be full and wait. */
  private async writeLeaves(spare: number): Promise<void> {
    const leaves = leavesOf(this.entries.map(({ encoded }) => encoded))
    for (const leaf of leaves.slice(0, leaves.length - spare)) {
      if (leaf.kind !== 'leaf') continue
      const own = this.entries.splice(0, leaf.entries.length)
      this.children.push(await this.seal(leaf, own.map(({ size }) => ({ count: 1, size }))))
    }
  }

  private async seal(node: TreeNode, parts: readonly { readonly count: number; readonly size: number }[]): Promise<TreeChild> {
    const encoded = encode(treeNode, node)
    const key = childKey(encoded, this.sealKey, this.blake3)
    const sealed = await sealObject(encoded, key, this.blake3)
    await this.store(sealed)
    const count = parts.reduce((sum, part) => sum + part.count, 0)
    const size = parts.reduce((sum, part) => sum + part.size, 0)
    return { count, size, name: sealed.name, length: sealed.bytes.length, key }
  }
}

function isRoot(node: TreeNode): boolean {
  return encode(treeNode, node).length <= ROOT_BYTES
}
