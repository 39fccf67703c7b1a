import type * as Y from 'yjs'
import type { Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { decode, encode } from '../formats/codec.ts'
import {
  ADDED_MAX,
  CONTENT_BYTES,
  isFolderId,
  isKeepDays,
  KEEP_DAYS_MAX,
  newEntryId,
  newVersionId,
  TOP,
  versionKey,
  versionRecord,
  type EntryKind,
  type VersionRecord,
} from '../formats/drive.ts'
import { fitType } from '../formats/file-name.ts'
import type { Random } from '../ports/clock.ts'
import { keepDaysOf, SIGN_OUT, type DriveMaps } from './document.ts'
import { alikeKey, checkName, freeName } from './names.ts'
import type { TreeNode } from './node.ts'
import { expired, replaced } from './purge.ts'
import type { Tree } from './tree.ts'

/** What a session of the drive is given. */
export interface DriveSession {
  readonly random: Random
  /** Milliseconds since 1970, as this machine believes. */
  readonly now: () => number
  /** Number of this device in its account. */
  readonly device: number
}

/** What to do about a name that is alike another in its folder. `replace` is for a file in the place of a file. */
export type Clash = 'refuse' | 'keep both' | 'replace'

/** The bytes of a file, as its version will say. */
export type NewContent = Pick<VersionRecord, 'size' | 'type' | 'modified' | 'content'>

export interface PlaceOptions {
  /** `refuse` when absent. */
  readonly clash?: Clash
}

/**
 * Changes to a drive (docs/formats/drive.md 4 to 6), each one Yjs transaction: it is checked first, then done whole.
 * Errors: `absent` `entry.absent`; `invalid` `entry.trashed`, `entry.kind` (a file where a folder is needed, or the reverse), `name.*`
 * (`name.taken` has the `entry` that has the name), `move.cycle`, `version.large`; `absent` `version.absent`.
 */
export class Editor {
  private readonly doc: Y.Doc
  private readonly maps: DriveMaps
  private readonly tree: Tree
  private readonly session: DriveSession

  constructor(doc: Y.Doc, maps: DriveMaps, tree: Tree, session: DriveSession) {
    this.doc = doc
    this.maps = maps
    this.tree = tree
    this.session = session
  }

  /** A new folder in `parent`; resolves to its id. */
  createFolder(parent: string, name: string, options: { clash?: 'refuse' | 'keep both' } = {}): string {
    const free = this.place(parent, name, options.clash).name
    return this.transact(() => this.create('folder', parent, free))
  }

  /** The folder at `path` below `from`, made as far as it is not there; gives its id. A file in the way is `name.taken`. */
  ensureFolder(path: readonly string[], from = TOP): string {
    path.forEach(checkName)
    this.liveFolder(from)
    let at = from
    let depth = 0
    for (; depth < path.length; depth++) {
      const found = this.named(at, path[depth] ?? '')
      if (found === undefined) break
      if (!found.isFolder) throw taken(found.id)
      at = found.id
    }
    if (depth === path.length) return at
    return this.transact(() => path.slice(depth).reduce((parent, name) => this.create('folder', parent, name), at))
  }

  /** A new file, or with `replace` a new version of the one that has the name; gives the file's id. */
  addFile(parent: string, name: string, content: NewContent, options: PlaceOptions = {}): string {
    checkContent(content)
    const spot = this.place(parent, name, options.clash, 'file')
    return this.transact(() => {
      const id = spot.replace?.id ?? this.create('file', parent, spot.name)
      this.writeVersion(id, content)
      return id
    })
  }

  /** Overwrites a file; gives the id of the new version. */
  addVersion(file: string, content: NewContent): string {
    checkContent(content)
    this.liveFile(file)
    return this.transact(() => this.writeVersion(file, content))
  }

  /** Forgets a version that never was whole; a file without versions is gone. Throws `absent` `version.absent`. */
  dropVersion(file: string, version: string): void {
    const node = this.existing(file)
    if (!node.versions.some(({ id }) => id === version)) throw new AppError('absent', 'version.absent', 'no such version')
    this.transact(() => {
      this.maps.versions.delete(versionKey(file, version))
      if (node.versions.length === 1) this.maps.name.delete(file)
    })
  }

  /** Makes an old version the current one, by adding its content anew; gives the id of the new version. */
  restoreVersion(file: string, version: string): string {
    const old = this.liveFile(file).versions.find((one) => one.id === version)
    if (old === undefined) throw new AppError('absent', 'version.absent', 'no such version')
    return this.transact(() => this.writeVersion(file, { ...old, content: contentOf(this.maps, file, version) }))
  }

  rename(id: string, name: string, options: PlaceOptions = {}): void {
    const node = this.live(id)
    const spot = this.place(node.place ?? TOP, name, options.clash, kindOf(node), node)
    this.transact(() => {
      if (spot.replace !== undefined) this.replaceBy(spot.replace, node)
      else this.maps.name.set(id, spot.name)
    })
  }

  /** Moves entries into `folder`, all or none. */
  move(ids: readonly string[], folder: string, options: PlaceOptions = {}): void {
    this.liveFolder(folder)
    const given = new Set<string>()
    const plan = [...new Set(ids)].flatMap((id) => {
      const node = this.live(id)
      if (this.isWithin(folder, node)) throw new AppError('invalid', 'move.cycle', 'a folder cannot be moved into itself', { data: { entry: id } })
      if (node.parent === folder && node.place === folder) return []
      const spot = this.place(folder, node.name, options.clash, kindOf(node), node, given)
      given.add(alikeKey(spot.name))
      return [{ node, spot }]
    })
    if (plan.length === 0) return
    this.transact(() => {
      for (const { node, spot } of plan) {
        if (spot.replace !== undefined) {
          this.replaceBy(spot.replace, node)
          continue
        }
        // Where a circle is cut, what is shown becomes what is written: or else its top would jump when the circle opens.
        const cut = this.tree.cutOf(node)
        if (cut !== undefined) this.maps.parent.set(cut.id, TOP)
        this.maps.parent.set(node.id, folder)
        if (spot.name !== node.name) this.maps.name.set(node.id, spot.name)
      }
    })
  }

  /** Deletes entries: they and all that is in them go to the trash. What is there already stays as it is. */
  trash(ids: readonly string[]): void {
    const nodes = ids.map((id) => this.existing(id)).filter((node) => this.tree.markOf(node) === undefined)
    if (nodes.length > 0) this.transact(() => nodes.forEach((node) => this.mark(node)))
  }

  /** Brings entries back from the trash, with all that is in them and was not deleted by itself. What is not there stays as it is. */
  restore(ids: readonly string[]): void {
    const roots = ids.map((id) => this.existing(id)).filter((node) => this.tree.markOf(node) !== undefined)
    const back = new Set<TreeNode>()
    for (const root of roots) for (const node of this.below(root)) back.add(node)
    if (roots.length === 0) return
    this.transact(() => {
      for (const node of back) {
        const parent = this.tree.get(node.parent)
        const stays = parent !== undefined && (back.has(parent) || this.tree.markOf(parent) === undefined)
        this.maps.trashed.delete(node.id)
        this.maps.parent.set(node.id, stays ? node.parent : TOP)
        this.maps.name.set(node.id, this.maps.name.get(node.id) ?? node.name)
        this.writeVersionsAgain(node)
      }
    })
  }

  /** Removes everything in the trash for good. */
  emptyTrash(): void {
    this.remove([...expired(this.tree, Infinity)], [])
  }

  /** Removes for good what was deleted or replaced more than keepDays ago. */
  purge(): void {
    const before = this.session.now() - keepDaysOf(this.maps) * 86_400_000
    this.remove([...expired(this.tree, before)], [...replaced(this.tree, before)])
  }

  /** How long old versions and deleted entries are kept, 1 to 3650 days. Throws `invalid` `days.range`. */
  setKeepDays(days: number): void {
    if (!isKeepDays(days)) throw new AppError('invalid', 'days.range', `whole days from 1 to ${String(KEEP_DAYS_MAX)}`, { data: { days } })
    this.transact(() => this.maps.settings.set('keepDays', days))
  }

  /** Asks a device of the account to sign out. `device`: its id, in hexadecimal. */
  askSignOut(device: string): void {
    this.noteSignOut('asked', device)
  }

  /** Notes that this device has signed out: the last change that it makes. */
  noteLeft(device: string): void {
    this.noteSignOut('left', device)
  }

  private noteSignOut(what: keyof typeof SIGN_OUT, device: string): void {
    if (!/^[0-9a-f]{32}$/.test(device)) throw new AppError('bug', 'device.id', 'this is no id of a device')
    const key = SIGN_OUT[what] + device
    if (!this.maps.settings.has(key)) this.transact(() => this.maps.settings.set(key, this.session.now()))
  }

  private remove(nodes: readonly TreeNode[], versions: readonly string[]): void {
    if (nodes.length + versions.length === 0) return
    this.transact(() => {
      for (const key of versions) this.maps.versions.delete(key)
      for (const node of nodes) {
        this.maps.name.delete(node.id)
        for (const version of node.versions) this.maps.versions.delete(versionKey(node.id, version.id))
      }
    })
  }

  private transact<T>(work: () => T): T {
    return this.doc.transact(work)
  }

  private create(kind: EntryKind, parent: string, name: string): string {
    let id: string
    do id = newEntryId(kind, this.session.random)
    while (this.tree.nodes.has(id))
    this.maps.parent.set(id, parent)
    this.maps.name.set(id, name)
    return id
  }

  private writeVersion(file: string, from: NewContent): string {
    const newest = this.tree.nodes.get(file)?.versions[0]
    const added = Math.min(ADDED_MAX, Math.max(whole(this.session.now()), newest === undefined ? 0 : newest.added + 1))
    const id = newVersionId(this.session.random)
    const record = { size: from.size, type: fitType(from.type), modified: whole(from.modified), added, device: this.session.device, content: from.content }
    this.maps.versions.set(versionKey(file, id), encode(versionRecord, record))
    return id
  }

  private writeVersionsAgain(node: TreeNode): void {
    for (const { id } of node.versions) {
      const key = versionKey(node.id, id)
      this.maps.versions.set(key, this.maps.versions.get(key))
    }
  }

  private replaceBy(old: TreeNode, by: TreeNode): void {
    const [current] = by.versions
    if (current !== undefined) this.writeVersion(old.id, { ...current, content: contentOf(this.maps, by.id, current.id) })
    this.mark(by)
  }

  private mark(node: TreeNode): void {
    // A slow clock must not make its newest version look older than its deletion.
    this.maps.trashed.set(node.id, Math.max(whole(this.session.now()), node.versions[0]?.added ?? 0))
  }

  /** `root` and what is under it, but for what was deleted by itself. */
  private *below(root: TreeNode): Generator<TreeNode> {
    const left = [root]
    for (let node = left.pop(); node !== undefined; node = left.pop()) {
      yield node
      for (const child of this.tree.folder(node.id) ?? []) left.push(child)
    }
  }

  private isWithin(folder: string, node: TreeNode): boolean {
    for (let at = folder; at !== TOP; at = this.tree.get(at)?.place ?? TOP) if (at === node.id) return true
    return false
  }

  private named(folder: string, name: string): TreeNode | undefined {
    return this.tree.folder(folder)?.find(alikeKey(name), alikeKey)
  }

  /** The name to store for an entry that comes into a folder, or the file that it replaces. */
  private place(parent: string, name: string, clash: Clash = 'refuse', kind: EntryKind = 'folder', self?: TreeNode, given?: ReadonlySet<string>): Spot {
    checkName(name)
    this.liveFolder(parent)
    const folder = this.tree.folder(parent)
    const other = (key: string): TreeNode | undefined => {
      const found = folder?.find(key, alikeKey)
      return found === self ? undefined : found
    }
    const found = other(alikeKey(name))
    const twice = given?.has(alikeKey(name)) === true
    if (found === undefined && !twice) return { name }
    if (clash === 'keep both') {
      return { name: freeName(name, (key) => other(key) !== undefined || given?.has(key) === true).name }
    }
    if (clash === 'replace' && found !== undefined && !found.isFolder && kind === 'file' && !twice) return { name, replace: found }
    throw taken(found?.id ?? '')
  }

  private existing(id: string): TreeNode {
    const node = this.tree.get(id)
    if (node === undefined) throw new AppError('absent', 'entry.absent', 'no such entry', { data: { entry: id } })
    return node
  }

  private live(id: string): TreeNode {
    const node = this.existing(id)
    if (this.tree.markOf(node) !== undefined) throw new AppError('invalid', 'entry.trashed', 'the entry is in the trash', { data: { entry: id } })
    return node
  }

  private liveFolder(id: string): void {
    if (id === TOP) return
    this.live(id)
    if (!isFolderId(id)) throw new AppError('invalid', 'entry.kind', 'not a folder', { data: { entry: id } })
  }

  private liveFile(id: string): TreeNode {
    const node = this.live(id)
    if (node.isFolder) throw new AppError('invalid', 'entry.kind', 'not a file', { data: { entry: id } })
    return node
  }
}

interface Spot {
  readonly name: string
  readonly replace?: TreeNode
}

/** How to find the bytes of a version that the index knows. */
export function contentOf(maps: DriveMaps, file: string, version: string): Bytes {
  const value = maps.versions.get(versionKey(file, version))
  if (!(value instanceof Uint8Array)) throw new AppError('absent', 'version.absent', 'no such version')
  return decode(versionRecord, value).content
}

function kindOf(node: TreeNode): EntryKind {
  return node.isFolder ? 'folder' : 'file'
}

function checkContent(content: NewContent): void {
  if (content.content.length > CONTENT_BYTES) throw new AppError('invalid', 'version.large', `content has at most ${String(CONTENT_BYTES)} bytes`)
}

function taken(entry: string): AppError {
  return new AppError('invalid', 'name.taken', 'another entry of the folder has a name like it', { data: { entry } })
}

/** A time as the format takes it: clocks of files may be before 1970 or have fractions. */
function whole(ms: number): number {
  return Math.max(0, Math.floor(ms))
}
