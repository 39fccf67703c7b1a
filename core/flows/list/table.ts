import { fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import { fitPath, fitType } from '../../formats/file-name.ts'
import { LINK_RANDOM, linkSeed } from '../../formats/link.ts'
import { FILE_ID, fileRecord, type FileRecord } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Clock, Random } from '../../ports/clock.ts'
import { put, type Journal } from '../journal.ts'
import { FileEntry } from './entry.ts'
import type { Secrets } from './secrets.ts'

/** A file as a browser hands it over: the platform's `File` is one. */
export interface SourceFile extends Blob {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly lastModified: number
}

/** A file to add, under a path: its name, with the folders above it joined by `/`. */
export interface FileToStore {
  readonly file: SourceFile
  readonly path: string
}

export interface TableDeps {
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly blake3: Blake3
  readonly secrets: Secrets
}

/** The list of files in memory. */
export class Table {
  readonly files = new Map<string, FileEntry>()
  private readonly links = new Map<string, FileEntry>()
  private readonly deps: TableDeps

  constructor(deps: TableDeps) {
    this.deps = deps
  }

  /** Reads secrets and files; makes a secret at the first run. Errors as `Secrets.load`. */
  async load(): Promise<void> {
    await this.deps.secrets.load()
    await this.loadFiles()
  }

  /** Reads secrets and files that were restored. Resolves to the files that are new here. */
  async loadNew(): Promise<FileEntry[]> {
    await this.deps.secrets.load()
    return await this.loadFiles()
  }

  /** All but what is being removed. */
  kept(): FileEntry[] {
    return [...this.files.values()].filter(({ record }) => record.status !== 'removing')
  }

  /** Files that are shown: those that are kept, without the parts of the drive. */
  shown(): FileEntry[] {
    return this.kept().filter(({ part }) => !part)
  }

  /** Parts of the drive. */
  parts(): FileEntry[] {
    return this.kept().filter(({ part }) => part)
  }

  /** The file or part with this link seed, if it is kept here. */
  withLink(seed: Bytes): FileEntry | undefined {
    const entry = this.links.get(toHex(seed))
    return entry?.record.status === 'removing' ? undefined : entry
  }

  /** Writes new files down, durably, all or none. */
  async create(files: readonly FileToStore[]): Promise<FileEntry[]> {
    const entries = files.map((file) => this.make(file, fitPath(file.path)))
    await this.deps.journal.write(entries.map(change), { strict: true })
    for (const entry of entries) this.keep(entry)
    return entries
  }

  /** Writes a new part of the drive down, durably. */
  async createPart(file: SourceFile): Promise<FileEntry> {
    const entry = this.make({ file, path: file.name }, file.name, true)
    await this.deps.journal.write([{ put: listKey.part(fromHex(entry.id)), value: new Uint8Array() }, change(entry)], { strict: true })
    this.keep(entry)
    return entry
  }

  /** A file that waits for exactly these bytes to be handed over again, or stopped for want of them. */
  awaiting({ file, path }: FileToStore): FileEntry | undefined {
    return this.shown().find(({ needsFile, source, record }) => {
      const stopped = record.status === 'failed' && source === undefined && !record.scanned
      const same = record.size === file.size && record.modified === Math.max(0, Math.floor(file.lastModified))
      return (needsFile || stopped) && same && record.name === fitPath(path)
    })
  }

  /** Changes a file's record, in memory at once and then on disk. */
  async update(entry: FileEntry, fields: Partial<FileRecord>): Promise<void> {
    entry.record = { ...entry.record, ...fields }
    await this.deps.journal.write([change(entry)])
  }

  /** Forgets a file for good. */
  async forget(entry: FileEntry): Promise<void> {
    const id = fromHex(entry.id)
    await this.deps.journal.write([{ del: listKey.file(id) }, { del: listKey.named(id) }, ...(entry.part ? [{ del: listKey.part(id) }] : [])], { strict: true })
    this.files.delete(entry.id)
    this.links.delete(toHex(entry.record.link))
  }

  private keep(entry: FileEntry): void {
    this.files.set(entry.id, entry)
    this.links.set(toHex(entry.record.link), entry)
  }

  private make(file: FileToStore, name: string, part = false): FileEntry {
    const entry = new FileEntry(toHex(this.deps.random.bytes(FILE_ID)), this.fresh(file, name), part)
    entry.source = file.file
    return entry
  }

  private fresh({ file }: FileToStore, name: string): FileRecord {
    return {
      name,
      type: fitType(file.type),
      size: file.size,
      modified: Math.max(0, Math.floor(file.lastModified)),
      added: Math.max(0, Math.floor(this.deps.clock.now())),
      status: 'storing',
      pieces: 0,
      sealedBytes: 0,
      scanned: false,
      link: linkSeed(this.deps.random.bytes(LINK_RANDOM), this.deps.blake3),
      secret: this.deps.secrets.own,
      inline: undefined,
      error: undefined,
      share: undefined,
      health: undefined,
    }
  }

  private async loadFiles(): Promise<FileEntry[]> {
    const entries: FileEntry[] = []
    const parts = new Set<string>()
    for await (const key of this.deps.journal.keys('part/')) parts.add(key.slice('part/'.length))
    for await (const [key, record] of this.deps.journal.entries('file/', fileRecord)) {
      const id = key.slice('file/'.length)
      if (this.files.has(id)) continue
      const entry = new FileEntry(id, record, parts.has(id))
      this.keep(entry)
      entries.push(entry)
    }
    return entries
  }
}

function change(entry: FileEntry): ReturnType<typeof put> {
  return put(listKey.file(fromHex(entry.id)), fileRecord, entry.record)
}
