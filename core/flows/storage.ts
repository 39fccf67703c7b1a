import { toBase64Url, toHex, type Bytes } from '../base/bytes.ts'
import { AppError, asAppError } from '../base/errors.ts'
import type { Redundancy } from '../ports/coder.ts'
import { Bell } from './bell.ts'
import type { ListParts, StorageDeps, SwarmParts } from './deps.ts'
import { ownReader } from './fetch/files.ts'
import type { FileReader, ReadOptions } from './fetch/reader.ts'
import { backUp, restoreBackup } from './list/backup.ts'
import { isRemoved, isStale, matches, type FileEntry } from './list/entry.ts'
import { Overview, type StorageSnapshot, type StorageTotals } from './list/overview.ts'
import type { FileRow } from './list/status.ts'
import type { FileToStore } from './list/table.ts'
import { nextSequence } from './link/publisher.ts'
import type { LinkView } from './link/reader.ts'
import type { Cache, Owner, Parts } from './parts.ts'
import { unfinishedChunks } from './store/resume.ts'
import type { Chunk } from './store/chunk.ts'

/** The list of files of this device: stores, fetches, shares and removes them. Made by `createStorage`. */
export class Storage implements Owner {
  private readonly stopped = new AbortController()
  private readonly changes = new Bell()
  private readonly retrying = new Set<FileEntry>()
  private readonly loops: Promise<void>[] = []
  private readonly deps: StorageDeps
  private readonly parts: Parts
  private readonly overview: Overview

  constructor(deps: StorageDeps, makeParts: (owner: Owner) => Parts) {
    this.deps = deps
    this.parts = makeParts(this)
    this.overview = new Overview({ ...deps, ...this.parts })
  }

  /** Takes up what earlier runs left, and begins to work. Errors of the stores. */
  async start(): Promise<void> {
    const { table, hosts, outbox, shipper, journal, search, intake, finisher, releaser, health, prover } = this.parts
    await table.load()
    await hosts.load()
    const files = [...table.files.values()]
    const chunks = await this.unfinished(files)
    await outbox.sweep()
    for (const chunk of chunks) shipper.add(chunk)
    const { signal } = this.stopped
    for (const part of [search, shipper, intake, finisher, releaser, health, prover]) this.loops.push(this.guard(part.run(signal)))
    for (const file of files) {
      // Whoever waited for a part that was not read to its end is gone, and its bytes with him.
      if (file.part && file.record.status !== 'removing' && !file.record.scanned) void this.guard(this.remove(file.id))
      else this.schedule(file)
    }
    await journal.idle()
  }

  /** For the records of an account, and for its drive. */
  get swarm(): SwarmParts {
    const { hosts, search } = this.parts
    const { records, blake3, clock, random } = this.deps
    return { hosts, search, records, blake3, clock, random }
  }

  /** The list itself, for what else is kept in it. */
  get list(): ListParts {
    const { table, journal, secrets } = this.parts
    return { table, journal, secrets }
  }

  /** What is shown of a file of the list: how far it is, what is to be said about it. */
  row(entry: FileEntry): FileRow {
    return this.overview.row(entry)
  }

  /** Adds files to the list, durably, and begins to store them. Resolves to their ids, in order; a file that was waited for keeps its id. */
  async add(files: readonly FileToStore[]): Promise<string[]> {
    const known = files.map((file) => this.adopt(file))
    const entries = await this.parts.table.create(files.filter((_, i) => known[i] === undefined))
    for (const entry of entries) this.schedule(entry)
    this.changed()
    return known.map((entry) => entry?.id ?? entries.shift()?.id ?? '')
  }

  /** Stops storing a file and forgets it; what hosts hold of it is released. */
  cancel(id: string): Promise<void> {
    return this.remove(id)
  }

  /** Forgets a file and releases it on its hosts, now or when they can be reached. */
  async remove(id: string): Promise<void> {
    const entry = this.entry(id)
    entry.control.abort()
    entry.source = undefined
    this.parts.intake.remove(entry)
    const { share } = entry.record
    // The one sequence of all attempts to take its link back: what is repeated later never looks newer.
    const retracted = share === undefined ? undefined : { ...share, sequence: nextSequence(share, this.deps.clock.now()) }
    const done = this.parts.table.update(entry, { status: 'removing', share: retracted })
    this.changed()
    await done
    this.parts.releaser.add(entry)
  }

  /** Goes on with a file whose store stopped. */
  async retry(id: string): Promise<void> {
    const entry = this.entry(id)
    if (entry.record.status !== 'failed' || this.retrying.has(entry)) return
    this.retrying.add(entry)
    try {
      await this.mend(entry)
    } finally {
      this.retrying.delete(entry)
    }
    if (isRemoved(entry)) return
    entry.control = new AbortController()
    entry.error = undefined
    await this.parts.table.update(entry, { status: 'storing', error: undefined })
    this.parts.hosts.forgive()
    this.schedule(entry)
    this.changed()
  }

  /** The seed of a stored file's link, 43 characters. Throws `transient` `link.unpublished` before that. */
  link(id: string): string {
    const { record } = this.entry(id)
    if (record.status === 'stored' && record.share !== undefined) return toBase64Url(record.link)
    throw new AppError('transient', 'link.unpublished', 'the file is not stored yet')
  }

  /** Looks a link up. Errors: `invalid` `link.damaged`; `absent` `link.gone`, `link.absent`; `transient` `link.unreachable`; `aborted`. */
  openLink(seed: string, options: { signal?: AbortSignal } = {}): Promise<LinkView> {
    return this.parts.links.view(seed, this.until(options.signal))
  }

  /** Reads a link's file. Errors as `openLink`. */
  linkReader(seed: string, options: { signal?: AbortSignal } = {}): Promise<FileReader> {
    return this.parts.links.reader(seed, this.until(options.signal))
  }

  /** Reads a file of the list. Throws `absent` `file.absent`; `transient` `file.storing` while parts of it are not stored yet. */
  fileReader(id: string): FileReader {
    const entry = this.entry(id)
    if (!entry.record.scanned || entry.pending.size > 0) throw new AppError('transient', 'file.storing', 'the file is not stored yet')
    return ownReader(entry, this.parts.journal, this.parts.fetcher, entry.part ? undefined : this.parts.cache?.shelves)
  }

  /**
   * Stores a part of the drive as a file that nobody is shown. Resolves to its link seed once hosts have all of it and its link is published.
   * Errors: what stopped the store; `aborted`. The part is removed then.
   */
  async storePart(bytes: Bytes, signal: AbortSignal): Promise<Bytes> {
    const stop = this.until(signal)
    const file = Object.assign(new Blob([bytes]), { name: 'drive', lastModified: Math.floor(this.deps.clock.now()) })
    const part = await this.parts.table.createPart(file)
    this.schedule(part)
    try {
      await this.stored(part, stop)
    } catch (error) {
      if (!this.stopped.signal.aborted && !isRemoved(part)) void this.guard(this.remove(part.id))
      throw error
    }
    return part.record.link
  }

  /** Removes all parts of the drive but those with these link seeds. Not while a part is being stored, or is stored and not named yet. */
  async keepParts(links: readonly Bytes[]): Promise<void> {
    const kept = new Set(links.map(toHex))
    for (const part of this.parts.table.parts()) if (!kept.has(toHex(part.record.link))) await this.remove(part.id)
  }

  /** Bytes of a file of the drive that another device stored, by its link seed; as `FileReader.read`. Errors as that, and `openLink`. */
  readContent(seed: Bytes, offset: number, length: number, options: ReadOptions = {}): AsyncIterable<Bytes> {
    return this.parts.links.read(seed, offset, length, { ...options, signal: this.until(options.signal) })
  }

  /** Copies of contents on this device, where there are any. */
  get cache(): Cache | undefined {
    return this.parts.cache
  }

  /** Reads what a link seed names: a file or part of this list, or of another device. Errors as `fileReader` and `openLink`. */
  async seedReader(seed: Bytes, options: { signal?: AbortSignal } = {}): Promise<FileReader> {
    const own = this.parts.table.withLink(seed)
    return own === undefined ? this.linkReader(toBase64Url(seed), options) : this.fileReader(own.id)
  }

  /** The backup file of the list. It holds the device secret. */
  async backup(): Promise<Bytes> {
    await this.parts.journal.idle()
    return await backUp(this.deps.meta, this.parts.secrets, this.deps.clock.now(), this.deps.blake3)
  }

  /** Merges a backup file; resolves to the number of files that came back. Errors: `invalid` `format.*`; `corrupt` `backup.damaged`. */
  async restore(file: Bytes): Promise<number> {
    const { table, shipper, journal, prover } = this.parts
    await restoreBackup(file, this.deps.meta, journal, this.deps.blake3)
    const entries = await table.loadNew()
    for (const chunk of await this.unfinished(entries)) if (!shipper.chunks.has(chunk.name)) shipper.add(chunk)
    for (const entry of entries) this.schedule(entry)
    prover.wake()
    this.changed()
    return entries.filter(({ record, part }) => record.status !== 'removing' && !part).length
  }

  /** What is shown of hosts and files as a whole. */
  totals(): StorageTotals {
    return this.overview.totals()
  }

  /** The same, and each file: what was added last comes first. */
  snapshot(): StorageSnapshot {
    return { ...this.totals(), files: this.overview.rows() }
  }

  /** Calls `listener` now and after changes, at most 4 times a second, until `signal` fires. */
  watch(listener: () => void, signal: AbortSignal): Promise<void> {
    return this.overview.watch(listener, this.changes, this.until(signal))
  }

  /** Ends all work. What was acknowledged is on disk. */
  async stop(): Promise<void> {
    this.stopped.abort()
    await Promise.allSettled(this.loops)
    await this.parts.journal.idle()
    await this.parts.cache?.copies.close()
    await this.parts.close()
  }

  // --- what the parts tell

  /** Something that a snapshot shows may be different. */
  changed(): void {
    this.changes.ring()
  }

  /** A piece of the file, or its end, was recorded. */
  recorded(file: FileEntry): void {
    if (file.record.scanned) file.source = undefined
    this.finishWhenReady(file)
    this.changed()
  }

  /** A chunk has all its receipts. */
  leased(chunk: Chunk): void {
    for (const file of chunk.users.keys()) {
      file.pending.delete(chunk)
      if (file.record.status === 'failed' && (file.record.error === 'hosts.full' || file.record.error === 'hosts.refuse')) void this.guard(this.retry(file.id))
      this.finishWhenReady(file)
    }
    for (const file of this.parts.table.kept()) if (isStale(file)) this.parts.finisher.add(file)
    this.orphaned()
  }

  /** There may be leases to be released. */
  orphaned(): void {
    this.parts.releaser.wake()
  }

  /** The store of a file cannot go on. What is sealed is still brought to hosts. */
  failed(file: FileEntry, error: AppError): void {
    if (file.record.status !== 'storing') return
    file.error = error
    // What cannot be read here and now may be readable when it is opened again.
    if (error.code === 'file.changed' || error.code === 'file.unreadable') file.source = undefined
    file.control.abort(error)
    void this.guard(this.parts.table.update(file, { status: 'failed', error: error.code }))
    this.changed()
  }

  get redundancy(): Redundancy {
    return this.deps.redundancy ?? { k: 10, n: 16 }
  }

  private async stored(file: FileEntry, signal: AbortSignal): Promise<void> {
    while (file.record.status === 'storing') await this.changes.wait(signal)
    if (file.record.status !== 'stored') throw file.error ?? new AppError('aborted', 'aborted', 'the file was removed')
  }

  private finishWhenReady(file: FileEntry): void {
    const { scanned, status } = file.record
    if (scanned && status === 'storing' && file.pending.size === 0) this.parts.finisher.add(file)
  }

  /** Sends a file where its record says it belongs. */
  private schedule(file: FileEntry): void {
    const { status, scanned, share } = file.record
    if (status === 'removing') this.parts.releaser.add(file)
    else if (status === 'stored' && (share?.announced === false || share?.stale === true)) this.parts.finisher.add(file)
    else if (status !== 'storing') return
    else if (scanned) this.finishWhenReady(file)
    else if (file.source !== undefined) this.parts.intake.add(file)
    else void this.guard(this.reopen(file))
  }

  /** Goes on reading a file of an earlier run where the platform hands it again, unchanged; else a person must. */
  private async reopen(file: FileEntry): Promise<void> {
    const source = await this.deps.reopenFile?.(file.id).catch(() => undefined)
    if (source !== undefined && matches(file, source)) {
      file.source = source
      this.parts.intake.add(file)
    } else file.needsFile = true
    this.changed()
  }

  private adopt(file: FileToStore): FileEntry | undefined {
    const entry = this.parts.table.awaiting(file)
    if (entry === undefined) return undefined
    entry.source = file.file
    entry.needsFile = false
    if (entry.record.status === 'failed') void this.guard(this.retry(entry.id))
    else this.schedule(entry)
    return entry
  }

  private async startOver(entry: FileEntry): Promise<void> {
    await this.parts.releaser.releasePieces(entry, this.stopped.signal)
    entry.pending.clear()
    await this.parts.table.update(entry, { pieces: 0, sealedBytes: 0, scanned: false, inline: undefined })
    this.parts.releaser.wake()
  }

  /** Undoes what a retry would only meet again: shards lost on this device, a file that is no longer what was added. */
  private async mend(entry: FileEntry): Promise<void> {
    const { error } = entry.record
    const unreadable = error === 'file.changed' || error === 'file.unreadable'
    const source = unreadable && entry.source === undefined ? await this.deps.reopenFile?.(entry.id).catch(() => undefined) : undefined
    const changed = error === 'file.changed' || (source !== undefined && !matches(entry, source))
    if (changed || error === 'outbox.lost') await this.startOver(entry)
    if (source === undefined || isRemoved(entry)) return
    // It is stored as it is now.
    await this.parts.table.update(entry, { size: source.size, modified: Math.max(0, Math.floor(source.lastModified)) })
    entry.source = source
  }

  /** Chunks without all receipts; a file whose part of the list is damaged fails alone. */
  private async unfinished(files: readonly FileEntry[]): Promise<Chunk[]> {
    const chunks = new Map<string, Chunk>()
    for (const file of files) {
      if (file.record.status !== 'storing' && file.record.status !== 'failed' && !isStale(file)) continue
      try {
        await unfinishedChunks(file, chunks, this.parts.journal, this.parts.outbox)
      } catch (error) {
        if (asAppError(error).code !== 'list.damaged') throw error
        this.failed(file, asAppError(error))
      }
    }
    return [...chunks.values()]
  }

  private entry(id: string): FileEntry {
    const entry = this.parts.table.files.get(id)
    if (entry === undefined || entry.record.status === 'removing') throw new AppError('absent', 'file.absent', 'no such file in the list')
    return entry
  }

  private until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.stopped.signal : AbortSignal.any([signal, this.stopped.signal])
  }

  /** Work that nobody waits for: its failure is told, unless it is the end. */
  private async guard(work: Promise<unknown>): Promise<void> {
    try {
      await work
    } catch (error) {
      const failure = asAppError(error)
      if (!this.stopped.signal.aborted || failure.kind === 'bug') this.deps.report?.(failure)
    }
  }
}
