import { versionKey } from '../formats/drive.ts'
import type { TreeNode } from './node.ts'
import type { Tree } from './tree.ts'

// What is past its time (docs/formats/drive.md 6). Nothing is removed here.

/** Entries in the trash that were deleted before `before` (ms since 1970), `Infinity` for all: names and versions of them go. */
export function* expired(tree: Tree, before: number): Generator<TreeNode> {
  for (const root of tree.trashRoots) {
    const at = tree.markOf(root)?.trashed ?? Infinity
    if (before === Infinity || at < before) yield* expiredBelow(tree, root, before)
  }
}

/** What goes of the tree under `root`: a folder stays while anything in it does. Without recursion: a hostile tree may be deep. */
function expiredBelow(tree: Tree, root: TreeNode, before: number): TreeNode[] {
  const order: { node: TreeNode; above: TreeNode | undefined }[] = [{ node: root, above: undefined }]
  for (let i = 0; i < order.length; i++) {
    const node = order[i]?.node
    for (const child of (node && tree.folder(node.id)) ?? []) order.push({ node: child, above: node })
  }
  const staying = new Set<TreeNode>()
  const going: TreeNode[] = []
  for (const { node, above } of order.reverse()) {
    const stays = staying.has(node) || (node.versions[0]?.added ?? -Infinity) >= before
    if (!stays) going.push(node)
    else if (above !== undefined) staying.add(above)
  }
  return going
}

/** Keys in `v` of versions that were replaced before `before`. */
export function* replaced(tree: Tree, before: number): Generator<string> {
  for (const file of tree.withOld) {
    let newer: number | undefined
    for (const { id, added } of file.versions) {
      if (newer !== undefined && newer < before) yield versionKey(file.id, id)
      newer = added
    }
  }
}
