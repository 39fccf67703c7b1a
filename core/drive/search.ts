import { TOP } from '../formats/drive.ts'
import { searchKey } from './names.ts'
import type { TreeNode } from './node.ts'
import type { Tree } from './tree.ts'

/** More words narrow nothing down, and each has a bit in a number. */
const WORDS_MAX = 16

/**
 * Entries that are not in the trash and whose path has all words of `query`, without regard to case and accents; at most `limit`.
 * First those whose name starts with the first word, then those whose name has all words, then the rest; when more match, which ones of a kind
 * are given is not fixed. A `/` separates words as a space does.
 */
export function search(tree: Tree, query: string, limit: number): TreeNode[] {
  const words = searchKey(query).split(/[\s/]+/u).filter((word) => word !== '').slice(0, WORDS_MAX)
  if (words.length === 0) return []
  const all = 2 ** words.length - 1
  const starts: TreeNode[] = []
  const names: TreeNode[] = []
  const paths: TreeNode[] = []
  // Folders that are still to be looked into, and which words their paths have.
  const left: { id: string; found: number }[] = [{ id: TOP, found: 0 }]
  for (let at = left.pop(); at !== undefined && starts.length < limit; at = left.pop()) {
    const { found: above } = at
    tree.folder(at.id)?.forEach((node) => {
      const own = wordsIn(node.search, words)
      const found = own | above
      if (node.isFolder) left.push({ id: node.id, found })
      if (found !== all) return
      const list = own !== all ? paths : node.search.startsWith(words[0] ?? '') ? starts : names
      if (list.length < limit) list.push(node)
    })
  }
  return [...starts, ...names, ...paths].slice(0, limit)
}

function wordsIn(text: string, words: readonly string[]): number {
  let found = 0
  for (let i = 0; i < words.length; i++) if (text.includes(words[i] ?? '')) found |= 1 << i
  return found
}
