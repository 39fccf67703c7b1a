import { freeName } from './names.ts'
import type { TreeNode } from './node.ts'

/** What one folder lists: entries by what their names are alike in (docs/formats/drive.md 3.6). */
export class Folder {
  // Nearly every name is unique in its folder: an array for each would weigh as much as the rest of the index.
  private readonly groups = new Map<string, TreeNode | TreeNode[]>()
  private readonly clashes = new Set<string>()
  /** Names shown for those that are not the first of their group; made when asked for. */
  private shown: Map<string, string> | undefined
  private count = 0

  get size(): number {
    return this.count
  }

  add(node: TreeNode): void {
    const group = this.groups.get(node.key)
    if (group === undefined) this.groups.set(node.key, node)
    else {
      const all = Array.isArray(group) ? group : [group]
      all.push(node)
      all.sort(byId)
      this.groups.set(node.key, all)
      this.clashes.add(node.key)
    }
    this.count++
    this.shown = undefined
  }

  remove(node: TreeNode): void {
    const group = this.groups.get(node.key)
    const rest = Array.isArray(group) ? group.filter((one) => one !== node) : []
    if (rest.length === 0) this.groups.delete(node.key)
    else this.groups.set(node.key, rest.length === 1 ? (rest[0] ?? rest) : rest)
    if (rest.length < 2) this.clashes.delete(node.key)
    this.count--
    this.shown = undefined
  }

  *[Symbol.iterator](): Generator<TreeNode> {
    for (const group of this.groups.values()) {
      if (Array.isArray(group)) yield* group
      else yield group
    }
  }

  /** As iterating, but several times faster: a search looks at every entry on every keystroke. */
  forEach(visit: (node: TreeNode) => void): void {
    for (const group of this.groups.values()) {
      if (Array.isArray(group)) group.forEach(visit)
      else visit(group)
    }
  }

  /** The entry that has a name alike `key` for itself: the first of those. */
  first(key: string): TreeNode | undefined {
    const group = this.groups.get(key)
    return Array.isArray(group) ? group[0] : group
  }

  /** The entry that is shown under a name like `key`. */
  find(key: string, alike: (name: string) => string): TreeNode | undefined {
    const first = this.first(key)
    if (first !== undefined || this.clashes.size === 0) return first
    for (const node of this) if (alike(this.nameOf(node)) === key) return node
    return undefined
  }

  /** The name under which one of its entries is shown. */
  nameOf(node: TreeNode): string {
    if (this.clashes.size === 0 || !this.clashes.has(node.key) || this.first(node.key) === node) return node.name
    this.shown ??= this.number()
    return this.shown.get(node.id) ?? node.name
  }

  private number(): Map<string, string> {
    const shown = new Map<string, string>()
    const given = new Set<string>()
    const taken = (key: string): boolean => {
      if (this.groups.has(key) || given.has(key)) return true
      given.add(key)
      return false
    }
    for (const key of [...this.clashes].sort()) {
      const group = this.groups.get(key)
      let next = 2
      for (const node of Array.isArray(group) ? group.slice(1) : []) {
        const free = freeName(node.name, taken, next)
        shown.set(node.id, free.name)
        next = free.next
      }
    }
    return shown
  }
}

function byId(a: TreeNode, b: TreeNode): number {
  return a.id < b.id ? -1 : 1
}
