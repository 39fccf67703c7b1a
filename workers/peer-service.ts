import { expose } from 'comlink'
import { own } from '../core/base/bytes.ts'
import { AppError, asAppError, toPlainError, type PlainError } from '../core/base/errors.ts'
import type { FileReader } from '../core/flows/index.ts'
import type { Download, DownloadState, FileToAdd, LinkView, PeerContract, PeerInit, Snapshot } from './contract.ts'
import { Downloads } from './download/downloads.ts'
import { patient } from './download/patience.ts'
import type { FileSource } from './download/stream.ts'
import { zipOf, type ZipMember } from './download/zip.ts'
import type { PeerRealm } from './peer-realm.ts'
import { startReader, startStorage, type FileSession, type Session } from './peer-session.ts'
import { Snapshots } from './snapshots.ts'

/** A backup larger than this is none: it holds the list of millions of files. */
const MAX_BACKUP = 1024 ** 3

/** What a ZIP of files is called. */
const ZIP_NAME = 'shoal-files.zip'

const NOTHING: Omit<Snapshot, 'phase'> = {
  peers: 0,
  hosts: 0,
  relayed: 0,
  relays: [],
  files: [],
  space: { files: 0, stored: 0, free: 0 },
  local: { used: 0, quota: 0 },
}

/** The peer worker's side of `PeerContract`. */
export class PeerService implements PeerContract {
  private readonly realm: PeerRealm
  private readonly init: PeerInit
  private readonly downloads: Downloads
  private readonly snapshots: Snapshots
  private readonly ready = Promise.withResolvers<Session>()
  private readonly stopped = Promise.withResolvers<undefined>()
  private readonly leaving = new AbortController()
  private phase: Snapshot['phase'] = 'starting'
  private session: Session | undefined
  private problem: PlainError | undefined

  constructor(realm: PeerRealm, init: PeerInit) {
    this.realm = realm
    this.init = init
    this.downloads = new Downloads(realm)
    this.snapshots = new Snapshots(() => this.snapshot(), realm.clock)
    // Whoever calls a method hears of a failed start; without a call it stands in the snapshot.
    this.ready.promise.catch(() => undefined)
  }

  /** Runs until `stop`; in full mode only in the tab that leads. Never rejects: what goes wrong is shown. */
  async run(): Promise<void> {
    try {
      await this.serveWith(this.init.mode === 'reader' ? startReader : startStorage)
    } catch (error) {
      if (this.leaving.signal.aborted) return
      const failure = asAppError(error)
      this.realm.report(failure)
      this.problem = toPlainError(failure)
      this.ready.reject(failure)
      this.snapshots.changed()
    }
  }

  async watch(listener: (snapshot: Snapshot) => void): Promise<void> {
    this.snapshots.watch(listener)
  }

  async add(files: readonly FileToAdd[]): Promise<void> {
    const own = await this.files()
    await own.add(files)
  }

  async cancel(id: string): Promise<void> {
    await (await this.files()).storage.cancel(id)
  }

  async retry(id: string): Promise<void> {
    await (await this.files()).storage.retry(id)
  }

  async remove(id: string): Promise<void> {
    await (await this.files()).storage.remove(id)
  }

  async link(id: string): Promise<string> {
    return (await this.files()).storage.link(id)
  }

  async openLink(seed: string): Promise<LinkView> {
    return (await this.running()).openLink(seed)
  }

  async downloadFile(id: string, token?: string): Promise<Download> {
    return this.downloads.add(this.source((await this.files()).storage.fileReader(id)), token)
  }

  async downloadLink(seed: string, token?: string): Promise<Download> {
    const session = await this.running()
    return this.downloads.add(this.source(await session.linkReader(seed)), token)
  }

  async downloadZip(ids: readonly string[], token?: string): Promise<Download> {
    const { storage } = await this.files()
    const rows = new Map(storage.snapshot().files.map((row) => [row.id, row]))
    const members = ids.map((id): ZipMember => {
      const reader = storage.fileReader(id)
      return { path: rows.get(id)?.name ?? reader.name, modified: reader.modified, source: this.source(reader, true) }
    })
    return this.downloads.add(zipOf(ZIP_NAME, members), token)
  }

  async watchDownload(token: string, listener: (state: DownloadState) => void): Promise<void> {
    await this.downloads.watch(token, listener)
  }

  async cancelDownload(token: string): Promise<void> {
    this.downloads.cancel(token)
  }

  async owns(token: string): Promise<boolean> {
    return this.downloads.owns(token)
  }

  async serve(token: string, port: MessagePort): Promise<void> {
    await this.downloads.serve(token, port)
  }

  async backup(): Promise<Blob> {
    return new Blob([await (await this.files()).storage.backup()])
  }

  async restore(file: Blob): Promise<number> {
    const { storage } = await this.files()
    if (file.size > MAX_BACKUP) throw new AppError('invalid', 'format.range', 'no backup is this large')
    return storage.restore(own(new Uint8Array(await file.arrayBuffer())))
  }

  async setRelays(urls: readonly string[]): Promise<void> {
    await (await this.running()).setRelays(urls)
  }

  async setHosting(on: boolean, space: number): Promise<void> {
    await (await this.files()).hosting.set(on, space)
  }

  async attach(port: MessagePort): Promise<void> {
    expose(this, port)
  }

  async stop(): Promise<void> {
    this.leaving.abort()
    this.ready.reject(new AppError('aborted', 'aborted', 'Shoal is being closed'))
    this.downloads.close()
    const session = this.session
    this.session = undefined
    await session?.stop()
    this.stopped.resolve(undefined)
  }

  /** Looks after connections at once: the browser came online. */
  poke(): void {
    this.session?.poke()
  }

  private async serveWith(start: typeof startReader): Promise<void> {
    const session = await start(this.realm, this.init, () => {
      this.snapshots.changed()
    })
    if (this.leaving.signal.aborted) {
      await session.stop()
      return
    }
    this.session = session
    this.ready.resolve(session)
    this.phase = 'running'
    this.snapshots.changed()
    await this.stopped.promise
  }

  /** The file of `reader`, one of `many` that are read at once. */
  private source(reader: FileReader, many = false): FileSource {
    const { name, type, size } = reader
    const read: FileSource['read'] = ({ start, end }, signal) => reader.read(start, end - start, { many, signal })
    return patient({ head: { name, type, size }, read }, this.realm.clock)
  }

  private snapshot(): Snapshot {
    const { phase, problem, session } = this
    return { ...NOTHING, ...session?.snapshot(), phase, ...(problem === undefined ? {} : { problem }) }
  }

  /** The session once it runs. Throws why a start failed. */
  private running(): Promise<Session> {
    return this.ready.promise
  }

  private async files(): Promise<FileSession> {
    const { files } = await this.running()
    if (files === undefined) throw new AppError('denied', 'reader.only', 'this page only opens links')
    return files
  }
}
