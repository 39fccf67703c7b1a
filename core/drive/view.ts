import type { Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { TOP, versionRecord, type EntryKind } from '../formats/drive.ts'
import { decode } from '../formats/codec.ts'
import { keepDaysOf, SIGN_OUT, type DriveMaps } from './document.ts'
import { contentOf } from './editor.ts'
import type { TreeNode, Version } from './node.ts'
import { search } from './search.ts'
import { addTo, type Count, type Tree } from './tree.ts'

/** What a list shows of an entry. */
export interface Entry {
  readonly id: string
  readonly kind: EntryKind
  /** As shown: unlike the others of its folder. */
  readonly name: string
  /** The folder that shows it; the top also for what stands in the trash by itself. */
  readonly parent: string
  /** When it was deleted, if it is in the trash; `Infinity` when that is not known. */
  readonly trashed: number | undefined
  /** The current version of a file, and how many there are. */
  readonly current: Version | undefined
  readonly versions: number
}

export type SortKey = 'name' | 'size' | 'date' | 'kind'

/** Entries of one page of results. */
const SEARCH_LIMIT = 100

/** Numbers in names count as numbers, case and accents do not. Any order of texts may be passed instead. */
export function naturalOrder(): (a: string, b: string) => number {
  return new Intl.Collator('en', { numeric: true, sensitivity: 'base' }).compare
}

/** Questions to a drive, answered from its index. Errors: `absent` `entry.absent`, `version.absent`. */
export class View {
  private readonly maps: DriveMaps
  private readonly tree: Tree
  private readonly compare: (a: string, b: string) => number

  constructor(maps: DriveMaps, tree: Tree, compare: (a: string, b: string) => number) {
    this.maps = maps
    this.tree = tree
    this.compare = compare
  }

  entry(id: string): Entry {
    return this.entryOf(this.existing(id))
  }

  has(id: string): boolean {
    return id === TOP || this.tree.get(id) !== undefined
  }

  /** What a folder lists: folders first, each sorted; names are compared last. `size` and `date` (modified) begin with the largest. */
  children(folder: string, sort: SortKey = 'name'): Entry[] {
    if (folder !== TOP) this.existing(folder)
    const entries = [...(this.tree.folder(folder) ?? [])].map((node) => this.entryOf(node))
    return entries.sort((a, b) => this.order(a, b, sort))
  }

  /** Names from the top down to the entry; in the trash, from the deleted entry down. */
  path(id: string): string[] {
    const names: string[] = []
    for (let node: TreeNode | undefined = this.existing(id); node !== undefined; ) {
      names.push(this.tree.nameOf(node))
      node = node.place === undefined || node.place === TOP ? undefined : this.tree.get(node.place)
    }
    return names.reverse()
  }

  /** Search as one types: see `search`. */
  search(query: string, limit = SEARCH_LIMIT): Entry[] {
    return search(this.tree, query, limit).map((node) => this.entryOf(node))
  }

  /** Versions of a file, the current one first. */
  versions(file: string): readonly Version[] {
    return this.existing(file).versions
  }

  /** How to find the bytes of a version. */
  content(file: string, version: string): Bytes {
    return contentOf(this.maps, file, version)
  }

  /** What was deleted, last deleted first; what is inside is listed by `children`. */
  trash(): Entry[] {
    const entries = [...this.tree.trashRoots].map((node) => this.entryOf(node))
    return entries.sort((a, b) => (b.trashed ?? 0) - (a.trashed ?? 0) || (a.id < b.id ? -1 : 1))
  }

  /** What is in the drive, and what of it is in the trash. Costs what is in the trash. */
  totals(): { readonly all: Readonly<Count>; readonly trash: Readonly<Count> } {
    const trash: Count = { files: 0, folders: 0, bytes: 0, allBytes: 0 }
    const left = [...this.tree.trashRoots]
    for (let node = left.pop(); node !== undefined; node = left.pop()) {
      addTo(trash, node, 1)
      for (const child of this.tree.folder(node.id) ?? []) left.push(child)
    }
    return { all: { ...this.tree.count }, trash }
  }

  /** The content of every version that the document holds: what is in none of them may be released. Not complete while some are `unreadable`. */
  *contents(): Generator<Bytes> {
    for (const [key, value] of this.maps.versions.entries()) {
      if (!this.tree.unreadable.has(key) && value instanceof Uint8Array) yield decode(versionRecord, value).content
    }
  }

  /** Versions that this Shoal cannot read, written by a newer one: while there are any, no content may be released. */
  get unreadable(): number {
    return this.tree.unreadable.size
  }

  get keepDays(): number {
    return keepDaysOf(this.maps)
  }

  /** Whether a device has signed out, or was asked to. `device`: its id, in hexadecimal. */
  signOut(device: string): 'asked' | 'left' | undefined {
    if (this.maps.settings.has(SIGN_OUT.left + device)) return 'left'
    return this.maps.settings.has(SIGN_OUT.asked + device) ? 'asked' : undefined
  }

  private entryOf(node: TreeNode): Entry {
    return {
      id: node.id,
      kind: node.isFolder ? 'folder' : 'file',
      name: this.tree.nameOf(node),
      parent: node.place ?? TOP,
      trashed: this.tree.markOf(node)?.trashed,
      current: node.versions[0],
      versions: node.versions.length,
    }
  }

  private order(a: Entry, b: Entry, sort: SortKey): number {
    if (a.kind !== b.kind) return a.kind === 'folder' ? -1 : 1
    const first =
      sort === 'size'
        ? (b.current?.size ?? 0) - (a.current?.size ?? 0)
        : sort === 'date'
          ? (b.current?.modified ?? 0) - (a.current?.modified ?? 0)
          : sort === 'kind'
            ? this.compare(a.current?.type ?? '', b.current?.type ?? '')
            : 0
    return first || this.compare(a.name, b.name) || (a.id < b.id ? -1 : 1)
  }

  private existing(id: string): TreeNode {
    const node = this.tree.get(id)
    if (node === undefined) throw new AppError('absent', 'entry.absent', 'no such entry', { data: { entry: id } })
    return node
  }
}
