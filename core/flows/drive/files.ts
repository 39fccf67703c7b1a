import { fromHex, toBase64Url, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, isAppError } from '../../base/errors.ts'
import type { Editor } from '../../drive/editor.ts'
import type { View } from '../../drive/view.ts'
import { TOP } from '../../formats/drive.ts'
import { fitName } from '../../formats/file-name.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FileReader } from '../fetch/reader.ts'
import type { FileEntry } from '../list/entry.ts'
import type { FileToStore } from '../list/table.ts'
import { Mutex } from '../mutex.ts'
import type { Storage } from '../storage.ts'
import type { OwnDrive } from './own-drive.ts'

/** What is past its time is looked for this often, in ms. */
const PURGE_MS = 6 * 3_600_000
/** Marks of one batch. */
const BATCH = 256

/** Where the drive is published, as far as releasing contents needs it. */
export interface Published {
  /** Of the newest head that hosts took; 0 for none. */
  sequence(): number
  /** Whether hosts have all that is in the drive. */
  isWhole(): boolean
  /** Whether every other device has merged what the head of this sequence said. */
  mergedByAll(sequence: number): boolean
}

export interface DriveFilesDeps {
  readonly own: OwnDrive
  readonly storage: Pick<Storage, 'add' | 'remove' | 'retry' | 'fileReader' | 'readContent' | 'list' | 'row'>
  readonly clock: Clock
  /** Told of changes that are durable here, to be published. */
  readonly note: (change: Bytes) => void
  /** `undefined` without an account: then nobody else can have the drive. */
  readonly published: () => Published | undefined
  readonly report: (error: AppError) => void
}

/**
 * The drive and the files of this device's list together: a version of the drive names a file by its link seed (docs/formats/drive.md 2), whichever device stored it.
 * Errors: those of `Editor` and `Storage`.
 */
export class DriveFiles {
  private readonly deps: DriveFilesDeps
  /** Ids of files of the list that the drive has named: what it names no more may be released. */
  private readonly named = new Set<string>()
  /** Files that the drive names no more, and the sequence of the first head that says so. */
  private readonly condemned = new Map<string, number>()
  private readonly releasing = new Mutex()

  constructor(deps: DriveFilesDeps) {
    this.deps = deps
  }

  get view(): View {
    return this.deps.own.drive.view
  }

  /** Takes what the list has and the drive does not name into the drive: files of before there was one, of a restored backup, or of a run that ended in between. */
  async start(): Promise<void> {
    for await (const key of this.list.journal.keys('named/')) this.named.add(key.slice('named/'.length))
    await this.adopt()
  }

  /** As `start`, for files that came since. */
  async adopt(): Promise<void> {
    const fresh = this.list.table.shown().filter(({ id }) => !this.named.has(id))
    if (fresh.length === 0) return
    const known = this.contents()
    const lost = fresh.filter(({ record }) => !known.has(toHex(record.link))).sort((a, b) => a.record.added - b.record.added)
    // Nobody knows whether two of one name are versions of one file: both are shown.
    this.name(lost, lost.map(({ record }) => record.name), new Places(this.deps.own.drive.edit, TOP, 'keep both'))
    await this.settle(fresh)
  }

  /** Adds files to `folder`, durably, with the folders of their paths, and begins to store them. Resolves to their ids in the list. */
  async add(files: readonly FileToStore[], folder: string): Promise<string[]> {
    const above = this.pathOf(folder)
    const paths = files.map(({ path }) => path)
    const ids = await this.deps.storage.add(files.map(({ file, path }) => ({ file, path: [...above, path].join('/') })))
    const entries = ids.map((id) => this.list.table.files.get(id))
    // The folder may have gone to the trash meanwhile.
    const parent = this.isOpen(folder) ? folder : TOP
    const again = entries.some((entry) => entry !== undefined && this.named.has(entry.id))
    // One that was handed over again has its place already, unless that is in the trash, or elsewhere.
    const there = again ? this.currentBelow(parent) : new Set<string>()
    const fresh = entries.flatMap((entry, i) => (entry === undefined || there.has(toHex(entry.record.link)) ? [] : [{ entry, path: paths[i] ?? '' }]))
    this.name(fresh.map(({ entry }) => entry), fresh.map(({ path }) => path), new Places(this.deps.own.drive.edit, parent, 'replace'))
    for (const { entry } of fresh) this.condemned.delete(entry.id)
    await this.settle(fresh.map(({ entry }) => entry))
    return ids
  }

  /** Makes a change of the drive durable. */
  async change<T>(work: (edit: Editor) => T): Promise<T> {
    const result = work(this.deps.own.drive.edit)
    await this.save()
    return result
  }

  /** The file of the list that has a version's bytes; `undefined` when another device stored them. */
  stored(file: string, version?: string): FileEntry | undefined {
    return this.list.table.withLink(this.content(file, version))
  }

  /** Reads a file, the current version or another one; what it has to say of other devices' files is looked up when it is read. Errors as `Storage.fileReader`. */
  reader(file: string, version?: string): FileReader {
    const { storage } = this.deps
    const { name, current } = this.view.entry(file)
    const which = version === undefined ? current : this.view.versions(file).find(({ id }) => id === version)
    if (which === undefined) throw new AppError('absent', 'version.absent', 'no such version')
    const { size, type, modified } = which
    const own = this.stored(file, which.id)
    if (own !== undefined) return { ...storage.fileReader(own.id), name, type, size, modified }
    const seed = this.content(file, which.id)
    return {
      name,
      type,
      size,
      modified,
      read: (offset, length, options) => storage.readContent(seed, offset, length, options),
    }
  }

  /** The seed of a file's link. Throws `transient` `link.unpublished` while this device is still storing it. */
  link(file: string): string {
    const { record } = this.stored(file) ?? {}
    if (record !== undefined && (record.status !== 'stored' || record.share === undefined)) throw new AppError('transient', 'link.unpublished', 'the file is not stored yet')
    return toBase64Url(this.content(file))
  }

  /** Stops storing a file's current version, and forgets that version. */
  async cancel(file: string): Promise<void> {
    const entry = this.stored(file)
    const version = this.view.entry(file).current
    if (entry === undefined || version === undefined || entry.record.status === 'stored') return
    await this.change((edit) => edit.dropVersion(file, version.id))
    if (this.contents().has(toHex(entry.record.link))) return
    this.named.delete(entry.id)
    await this.deps.storage.remove(entry.id)
  }

  async retry(file: string): Promise<void> {
    const entry = this.stored(file)
    if (entry !== undefined) await this.deps.storage.retry(entry.id)
  }

  /** Removes for good what is past its time, and releases what the drive names no more, until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, own } = this.deps
    while (!signal.aborted) {
      try {
        own.drive.edit.purge()
        await this.save()
        await this.release()
      } catch (error) {
        this.deps.report(asAppError(error))
      }
      await clock.sleep(PURGE_MS, signal).catch((error: unknown) => {
        if (!isAppError(error, 'aborted')) throw error
      })
    }
  }

  /** Whether files wait to be released until other devices know. */
  get waits(): boolean {
    return this.condemned.size > 0
  }

  /** Releases files that the drive names no more, once no other device can name them again. */
  release(): Promise<void> {
    return this.releasing.run(() => this.releaseNow())
  }

  private async releaseNow(): Promise<void> {
    const { storage } = this.deps
    const published = this.deps.published()
    if (this.view.unreadable > 0) return
    const known = this.contents()
    for (const { id, record } of this.list.table.shown()) {
      if (!this.named.has(id) || known.has(toHex(record.link))) this.condemned.delete(id)
      else if (!this.condemned.has(id)) this.condemned.set(id, (published?.sequence() ?? 0) + (published?.isWhole() === true ? 0 : 1))
    }
    for (const [id, sequence] of this.condemned) {
      if (published !== undefined && (!published.isWhole() || published.sequence() < sequence || !published.mergedByAll(sequence))) continue
      this.condemned.delete(id)
      this.named.delete(id)
      const entry = this.list.table.files.get(id)
      if (entry !== undefined && entry.record.status !== 'removing') await storage.remove(id)
    }
  }

  private get list(): Storage['list'] {
    return this.deps.storage.list
  }

  private content(file: string, version?: string): Bytes {
    const which = version ?? this.view.entry(file).current?.id
    if (which === undefined) throw new AppError('invalid', 'entry.kind', 'a folder has no bytes of its own')
    return this.view.content(file, which)
  }

  private contents(): Set<string> {
    return new Set([...this.view.contents()].map(toHex))
  }

  /** Names of the folders down to `folder`. Throws `absent` `entry.absent`, `invalid` `entry.trashed`, `entry.kind`. */
  private pathOf(folder: string): string[] {
    if (folder === TOP) return []
    const { kind, trashed } = this.view.entry(folder)
    if (kind !== 'folder') throw new AppError('invalid', 'entry.kind', 'not a folder')
    if (trashed !== undefined) throw new AppError('invalid', 'entry.trashed', 'the folder is in the trash')
    return this.view.path(folder)
  }

  private isOpen(folder: string): boolean {
    return folder === TOP || (this.view.has(folder) && this.view.entry(folder).trashed === undefined)
  }

  /** Links of the current versions of all files in a folder and below. */
  private currentBelow(folder: string): Set<string> {
    const links = new Set<string>()
    const left = [folder]
    for (let at = left.pop(); at !== undefined; at = left.pop()) {
      for (const { id, kind, current } of this.view.children(at)) {
        if (kind === 'folder') left.push(id)
        else if (current !== undefined) links.add(toHex(this.content(id, current.id)))
      }
    }
    return links
  }

  /** Gives files of the list their places in the drive. */
  private name(entries: readonly FileEntry[], paths: readonly string[], places: Places): void {
    for (const [i, { record }] of entries.entries()) {
      const parts = (paths[i] ?? '').split('/').filter((part) => part !== '' && part !== '.' && part !== '..')
      const { size, type, modified, link } = record
      places.file(parts.slice(0, -1), fitName(parts.at(-1) ?? ''), { size, type, modified, content: link })
    }
  }

  /** Makes the drive durable, and then notes that it names these files. */
  private async settle(entries: readonly FileEntry[]): Promise<void> {
    await this.save()
    for (const { id } of entries) this.named.add(id)
    for (let at = 0; at < entries.length; at += BATCH) {
      const some = entries.slice(at, at + BATCH)
      await this.list.journal.write(some.map(({ id }) => ({ put: listKey.named(fromHex(id)), value: new Uint8Array() })))
    }
  }

  private async save(): Promise<void> {
    const change = await this.deps.own.save()
    if (change !== undefined) this.deps.note(change)
  }
}

/** Finds or makes the places of many files that come together. */
class Places {
  private readonly folders = new Map<string, string>()
  private readonly placed = new Set<string>()
  private readonly edit: Editor
  private readonly top: string
  private readonly clash: 'replace' | 'keep both'

  /** `clash`: what becomes of a file whose name is alike that of one that was there before. */
  constructor(edit: Editor, top: string, clash: 'replace' | 'keep both') {
    this.edit = edit
    this.top = top
    this.clash = clash
  }

  /** Puts a file at a path. Files that come together are different ones, however alike their names are. */
  file(folders: readonly string[], name: string, content: Parameters<Editor['addFile']>[2]): void {
    const parent = this.folder(folders)
    const id = unlessTaken(
      () => this.edit.addFile(parent, name, content),
      (there) =>
        unlessTaken(
          () => this.edit.addFile(parent, name, content, { clash: this.placed.has(there) ? 'keep both' : this.clash }),
          () => this.edit.addFile(parent, name, content, { clash: 'keep both' }),
        ),
    )
    this.placed.add(id)
  }

  private folder(path: readonly string[]): string {
    if (path.length === 0) return this.top
    const key = path.join('/')
    const known = this.folders.get(key)
    if (known !== undefined) return known
    const parent = this.folder(path.slice(0, -1))
    const name = fitName(path.at(-1) ?? '')
    // A file in the way keeps its name, and the folder gets a number.
    const id = unlessTaken(() => this.edit.ensureFolder([name], parent), () => this.edit.createFolder(parent, name, { clash: 'keep both' }))
    this.folders.set(key, id)
    return id
  }
}

/** What `work` gives; where a name is taken, what `otherwise` gives, which is told the entry that has it. */
function unlessTaken(work: () => string, otherwise: (there: string) => string): string {
  try {
    return work()
  } catch (error) {
    if (!isAppError(error, 'invalid') || error.code !== 'name.taken') throw error
    return otherwise(String(error.data['entry'] ?? ''))
  }
}
