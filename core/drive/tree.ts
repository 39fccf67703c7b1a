import { decode } from '../formats/codec.ts'
import { isEntryId, isFolderId, parseVersionKey, TOP, versionRecord } from '../formats/drive.ts'
import type { DriveMaps } from './document.ts'
import { Folder } from './folder.ts'
import { alikeKey, searchKey, shownOf } from './names.ts'
import { newestFirst, TreeNode, type Version } from './node.ts'

/** Keys of the document that changed. */
export class Touched {
  /** Entry ids, of keys in `p`, `n` or `t`. */
  readonly entries = new Set<string>()
  /** Keys in `v`. */
  readonly versions = new Set<string>()
  /** Any key in `s`. */
  settings = false
}

/** What a change did to the view. */
export interface TreeChange {
  /** Entries that are new, gone, or changed; what lies under a changed folder is not named. */
  readonly entries: ReadonlySet<string>
  /** Folders whose listing changed. */
  readonly folders: ReadonlySet<string>
  /** The list of the trash changed. */
  readonly trash: boolean
}

/** What is counted over all entries that exist, those in the trash included. */
export interface Count {
  files: number
  folders: number
  /** Bytes of current versions, and of all versions. */
  bytes: number
  allBytes: number
}

/**
 * The tree that is read from the maps (docs/formats/drive.md 3), kept up to date key by key.
 * A change costs what it touches; only entries whose parent does not exist, which are few, are looked at again on every move.
 */
export class Tree {
  readonly nodes = new Map<string, TreeNode>()
  readonly count: Count = { files: 0, folders: 0, bytes: 0, allBytes: 0 }
  /** Keys in `v` whose value cannot be read. */
  readonly unreadable = new Set<string>()
  /** Entries with a key in `t`, and entries in the trash whose deleted folder does not exist. */
  readonly trashRoots = new Set<TreeNode>()
  /** Files with more than one version. */
  readonly withOld = new Set<TreeNode>()
  private readonly folders = new Map<string, Folder>()
  private readonly cuts = new Set<TreeNode>()
  private readonly orphans = new Set<TreeNode>()
  private readonly maps: DriveMaps

  constructor(maps: DriveMaps) {
    this.maps = maps
    this.fill()
  }

  /** The first reading: all keys, without the bookkeeping of changes. */
  private fill(): void {
    const round = new Round()
    const node = (id: string): TreeNode | undefined => {
      const known = this.nodes.get(id)
      return known ?? (isEntryId(id) ? this.added(id) : undefined)
    }
    this.maps.parent.forEach((value, id) => readParent(node(id), value))
    this.maps.name.forEach((value, id) => readName(node(id), value))
    this.maps.trashed.forEach((value, id) => readMark(node(id), value))
    this.maps.versions.forEach((value, key) => {
      const parsed = parseVersionKey(key)
      const file = parsed && node(parsed.file)
      if (file) this.readVersion(file, parsed.version, key, value)
    })
    for (const one of this.nodes.values()) round.moved.push(one)
    this.cutCircles(round)
    for (const one of this.nodes.values()) this.file(one, round)
  }

  private added(id: string): TreeNode {
    const node = new TreeNode(id)
    this.nodes.set(id, node)
    return node
  }

  /** What lists the entries of folder `id`; `undefined` when it has none. */
  folder(id: string): Folder | undefined {
    return this.folders.get(id)
  }

  /** The entry `id` if it exists. */
  get(id: string): TreeNode | undefined {
    const node = this.nodes.get(id)
    return node?.exists === true ? node : undefined
  }

  /** The entry whose key in `t` puts `node` in the trash: itself or one of its chain. */
  markOf(node: TreeNode): TreeNode | undefined {
    for (let at: TreeNode | undefined = node; at !== undefined; at = at.cut ? undefined : this.parentOf(at)) {
      if (at.trashed !== undefined) return at
    }
    return undefined
  }

  /** The entry of the chain of `node` that stands at the top only because a circle was cut there. */
  cutOf(node: TreeNode): TreeNode | undefined {
    let at: TreeNode | undefined = node
    while (at !== undefined && !at.cut) at = this.parentOf(at)
    return at
  }

  /** The name under which `node` is shown. */
  nameOf(node: TreeNode): string {
    return node.place === undefined ? node.name : (this.folders.get(node.place)?.nameOf(node) ?? node.name)
  }

  /** Takes over what changed in the maps. */
  update(touched: Touched): TreeChange {
    const round = new Round()
    for (const id of touched.entries) {
      if (isEntryId(id)) this.readEntry(this.open(id, round), round)
    }
    for (const key of touched.versions) {
      const parsed = parseVersionKey(key)
      if (parsed !== undefined) this.readVersion(this.open(parsed.file, round), parsed.version, key, this.maps.versions.get(key))
    }
    for (const node of round.dirty) {
      const existed = round.existed.has(node)
      if (node.exists === existed) continue
      round.structural = true
      if (node.isFolder && existed) for (const child of this.folders.get(node.id) ?? []) round.orphaned.push(child)
    }
    for (const child of round.orphaned) this.open(child.id, round)
    if (round.moved.length > 0) this.cutCircles(round)
    if (round.structural) for (const orphan of [...this.orphans]) this.open(orphan.id, round)
    for (const node of round.dirty) this.file(node, round)
    return round
  }

  /** The entry `id`, taken out of all lists until the round ends. */
  private open(id: string, round: Round): TreeNode {
    const node = this.nodes.get(id) ?? this.added(id)
    if (round.dirty.has(node)) return node
    round.dirty.add(node)
    round.entries.add(id)
    if (node.exists) round.existed.add(node)
    if (node.counted) this.countIn(node, -1)
    if (node.place !== undefined) {
      this.folders.get(node.place)?.remove(node)
      round.folders.add(node.place)
      node.place = undefined
    }
    if (this.trashRoots.delete(node)) round.trash = true
    this.orphans.delete(node)
    return node
  }

  private readEntry(node: TreeNode, round: Round): void {
    const { parent, trashed } = node
    readParent(node, this.maps.parent.get(node.id))
    readName(node, this.maps.name.get(node.id))
    readMark(node, this.maps.trashed.get(node.id))
    if (node.parent !== parent) round.moved.push(node)
    if (node.trashed !== trashed) round.structural = true
  }

  private readVersion(node: TreeNode, version: string, key: string, value: unknown): void {
    const read = value === undefined ? undefined : readVersion(version, value)
    if (value !== undefined && read === undefined) this.unreadable.add(key)
    else this.unreadable.delete(key)
    const others = node.versions.filter((one) => one.id !== version)
    node.versions = read === undefined ? others : [...others, read].sort(newestFirst)
    if (node.versions.length > 1) this.withOld.add(node)
    else this.withOld.delete(node)
  }

  /** Puts an entry into the list where it belongs. */
  private file(node: TreeNode, round: Round): void {
    if (!node.exists) {
      if (node.empty) this.nodes.delete(node.id)
      return
    }
    this.countIn(node, 1)
    if (node.trashed !== undefined) {
      this.trashRoots.add(node)
      round.trash = true
      return
    }
    const parent = node.cut ? undefined : this.parentOf(node)
    let place = parent?.exists === true ? parent.id : TOP
    if (!node.cut && node.parent !== place) {
      this.orphans.add(node)
      if (this.markOf(node) !== undefined) {
        this.trashRoots.add(node)
        round.trash = true
        return
      }
      place = TOP
    }
    let folder = this.folders.get(place)
    if (folder === undefined) this.folders.set(place, (folder = new Folder()))
    folder.add(node)
    node.place = place
    round.folders.add(place)
  }

  /** Finds the circles after some entries moved, in one walk over their chains (docs/formats/drive.md 3.3). */
  private cutCircles(round: Round): void {
    const starts = [...round.moved, ...this.cuts]
    for (const node of this.cuts) {
      node.cut = false
      this.open(node.id, round)
    }
    this.cuts.clear()
    round.structural = true
    const seen = new Map<TreeNode, TreeNode>()
    for (const start of starts) {
      let at: TreeNode | undefined = start
      while (at !== undefined && !seen.has(at)) {
        seen.set(at, start)
        at = this.parentOf(at)
      }
      if (at !== undefined && seen.get(at) === start) this.cut(at, round)
    }
  }

  private cut(member: TreeNode, round: Round): void {
    let least = member
    for (let at = this.parentOf(member); at !== undefined && at !== member; at = this.parentOf(at)) {
      if (at.id < least.id) least = at
    }
    this.open(least.id, round)
    least.cut = true
    this.cuts.add(least)
  }

  private parentOf(node: TreeNode): TreeNode | undefined {
    return node.parent === TOP ? undefined : this.nodes.get(node.parent)
  }

  private countIn(node: TreeNode, sign: 1 | -1): void {
    node.counted = sign === 1
    addTo(this.count, node, sign)
  }
}

/** Adds what `node` has to `count`, or takes it away. */
export function addTo(count: Count, node: TreeNode, sign: 1 | -1): void {
  if (node.isFolder) count.folders += sign
  else {
    count.files += sign
    count.bytes += sign * (node.versions[0]?.size ?? 0)
    for (const version of node.versions) count.allBytes += sign * version.size
  }
}

/** One update of the tree, on its way. */
class Round implements TreeChange {
  readonly entries = new Set<string>()
  readonly folders = new Set<string>()
  trash = false
  /** Entries taken out of the lists, and those of them that existed before. */
  readonly dirty = new Set<TreeNode>()
  readonly existed = new Set<TreeNode>()
  readonly moved: TreeNode[] = []
  readonly orphaned: TreeNode[] = []
  /** Parents, marks or existence changed: entries without a parent may belong elsewhere now. */
  structural = false
}

function readParent(node: TreeNode | undefined, value: unknown): void {
  if (node === undefined) return
  node.hasParent = value !== undefined
  node.parent = typeof value === 'string' && isEntryId(value) && isFolderId(value) ? value : TOP
}

function readMark(node: TreeNode | undefined, value: unknown): void {
  if (node !== undefined) node.trashed = value === undefined ? undefined : typeof value === 'number' && value >= 0 ? value : Infinity
}

function readName(node: TreeNode | undefined, value: unknown): void {
  if (node === undefined) return
  node.hasName = value !== undefined
  const shown = shownOf(value)
  if (shown === node.name) return
  node.name = shown
  // One string for all three where they are equal: most names need no other.
  const key = alikeKey(shown)
  const search = searchKey(shown)
  node.key = key === shown ? shown : key
  node.search = search === node.key ? node.key : search
}

/** A value of `v`, or `undefined` when it cannot be read. */
export function readVersion(id: string, value: unknown): Version | undefined {
  if (!(value instanceof Uint8Array)) return undefined
  try {
    const { size, type, modified, added, device } = decode(versionRecord, value)
    return { id, size, type, modified, added, device }
  } catch {
    // What a newer Shoal wrote, or nobody: it is kept and not shown.
    return undefined
  }
}
