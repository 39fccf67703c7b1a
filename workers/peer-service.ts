import { expose } from 'comlink'
import { own } from '../core/base/bytes.ts'
import { AppError, asAppError, toPlainError, type PlainError } from '../core/base/errors.ts'
import { isOver } from '../core/flows/bell.ts'
import type { FileReader } from '../core/flows/index.ts'
import { CONFIRM_RANDOM, confirmPositions } from '../core/account/phrase.ts'
import type { AccountTools } from './account-tools.ts'
import type { DeviceRow, SignIn, Strength } from './contract-account.ts'
import type { Listing, Query, VersionRow } from './contract-drive.ts'
import type { ExportReport, ExportState } from './contract-export.ts'
import type { Download, DownloadState, FileToAdd, LinkView, PeerContract, PeerInit, Snapshot } from './contract.ts'
import type { DriveSession } from './drive-session.ts'
import { Downloads } from './download/downloads.ts'
import { patient } from './download/patience.ts'
import type { FileSource } from './download/stream.ts'
import { zipOf } from './download/zip.ts'
import { membersOf } from './download/members.ts'
import { Exporter, treeOf } from './export/exporter.ts'
import type { PeerRealm } from './peer-realm.ts'
import { startReader, startStorage, type FileSession, type Session } from './peer-session.ts'
import { Snapshots } from './snapshots.ts'

/** A backup larger than this is none: it holds the list of millions of files. */
const MAX_BACKUP = 1024 ** 3

const NOTHING: Omit<Snapshot, 'phase'> = {
  peers: 0,
  hosts: 0,
  relayed: 0,
  relays: [],
  space: { files: 0, stored: 0, free: 0 },
  local: { used: 0, quota: 0 },
}

/** The peer worker's side of `PeerContract`. */
export class PeerService implements PeerContract {
  private readonly realm: PeerRealm
  private readonly init: PeerInit
  private readonly downloads: Downloads
  private readonly exporter: Exporter
  private readonly snapshots: Snapshots
  private readonly tools: AccountTools
  private ready = Promise.withResolvers<Session>()
  private readonly stopped = Promise.withResolvers<undefined>()
  private readonly leaving = new AbortController()
  private phase: Snapshot['phase'] = 'starting'
  private session: Session | undefined
  private problem: PlainError | undefined
  private restarting: Promise<void> | undefined
  /** Signing out for another device failed. */
  private stays = false

  constructor(realm: PeerRealm, init: PeerInit) {
    this.realm = realm
    this.init = init
    this.downloads = new Downloads(realm)
    this.exporter = new Exporter(realm.clock)
    this.tools = realm.openAccountTools()
    this.snapshots = new Snapshots(() => this.snapshot(), realm.clock)
    // Whoever calls a method hears of a failed start; without a call it stands in the snapshot.
    this.ready.promise.catch(() => undefined)
  }

  /** Runs until `stop`; in full mode only in the tab that leads. Never rejects: what goes wrong is shown. */
  async run(): Promise<void> {
    await this.begin()
    if (this.session !== undefined) await this.stopped.promise
  }

  async watch(listener: (snapshot: Snapshot) => void): Promise<void> {
    this.snapshots.watch(listener)
  }

  async list(query: Query, from: number, count: number): Promise<Listing> {
    return (await this.drive()).lists.list(query, from, count)
  }

  async seek(query: Query, prefix: string, from: number): Promise<number> {
    return (await this.drive()).lists.seek(query, prefix, from)
  }

  async ids(query: Query): Promise<readonly string[]> {
    return (await this.drive()).lists.ids(query)
  }

  async versions(id: string): Promise<readonly VersionRow[]> {
    return (await this.drive()).lists.versions(id)
  }

  async add(files: readonly FileToAdd[], folder: string): Promise<void> {
    const own = await this.files()
    await own.add(files, folder)
  }

  async createFolder(parent: string, name: string): Promise<string> {
    return (await this.drive()).files.change((edit) => edit.createFolder(parent, name))
  }

  async rename(id: string, name: string): Promise<void> {
    await (await this.drive()).files.change((edit) => edit.rename(id, name))
  }

  async move(ids: readonly string[], folder: string): Promise<void> {
    await (await this.drive()).files.change((edit) => edit.move(ids, folder, { clash: 'keep both' }))
  }

  async trash(ids: readonly string[]): Promise<void> {
    await (await this.drive()).files.change((edit) => edit.trash(ids))
  }

  async restore(ids: readonly string[]): Promise<void> {
    await (await this.drive()).files.change((edit) => edit.restore(ids))
  }

  async restoreVersion(id: string, version: string): Promise<void> {
    await (await this.drive()).files.change((edit) => edit.restoreVersion(id, version))
  }

  async setKept(ids: readonly string[], on: boolean): Promise<void> {
    await (await this.kept()).pins.set(ids, on)
  }

  async setCopiesRoom(bytes: number): Promise<void> {
    await (await this.kept()).copies.setRoom(bytes)
  }

  async emptyTrash(): Promise<void> {
    const { files } = await this.drive()
    await files.change((edit) => edit.emptyTrash())
    await files.release()
  }

  async setKeepDays(days: number): Promise<void> {
    await (await this.drive()).files.change((edit) => edit.setKeepDays(days))
  }

  async cancel(id: string): Promise<void> {
    await (await this.drive()).files.cancel(id)
  }

  async retry(id: string): Promise<void> {
    await (await this.drive()).files.retry(id)
  }

  async link(id: string): Promise<string> {
    return (await this.drive()).files.link(id)
  }

  async tryWithout(): Promise<void> {
    await (await this.drive()).tryWithout()
  }

  async strength(password: string, name: string): Promise<Strength> {
    const { score, accepted, reason, advice } = await this.tools.strength(password, name)
    return { score, accepted, ...(reason === undefined ? {} : { reason: reason.text }), advice: advice.map(({ text }) => text) }
  }

  async createAccount(name: string, password: string): Promise<readonly string[]> {
    return (await this.drive()).createAccount(name, password)
  }

  async confirmPositions(): Promise<readonly number[]> {
    return confirmPositions(this.realm.random.bytes(CONFIRM_RANDOM))
  }

  async signIn(given: SignIn): Promise<void> {
    const drive = await this.drive()
    const found = await drive.find(given)
    drive.mayTake()
    await this.restart(() => drive.take(found))
  }

  async phrase(): Promise<readonly string[]> {
    return (await this.drive()).account.words()
  }

  async kit(): Promise<string> {
    return (await this.drive()).account.kit(this.realm.address, this.realm.clock.now())
  }

  async changePassword(current: string, next: string, name?: string): Promise<void> {
    await (await this.drive()).changePassword(current, next, name)
  }

  async devices(): Promise<readonly DeviceRow[]> {
    return (await this.drive()).devices()
  }

  async signOutDevice(id: string): Promise<void> {
    await (await this.drive()).signOutDevice(id)
  }

  async refresh(): Promise<void> {
    this.session?.files?.drive.poke()
  }

  async signOut(): Promise<void> {
    const files = await this.files()
    await files.drive.depart()
    await this.restart(() => files.erase())
  }

  async openLink(seed: string): Promise<LinkView> {
    return (await this.running()).openLink(seed)
  }

  async downloadFile(id: string, token?: string): Promise<Download> {
    return this.downloads.add(this.source((await this.drive()).files.reader(id)), token)
  }

  async downloadVersion(id: string, version: string, token?: string): Promise<Download> {
    return this.downloads.add(this.source((await this.drive()).files.reader(id, version)), token)
  }

  async downloadLink(seed: string, token?: string): Promise<Download> {
    const session = await this.running()
    return this.downloads.add(this.source(await session.linkReader(seed)), token)
  }

  async downloadZip(ids: readonly string[], token?: string): Promise<Download> {
    const { name, members, left } = membersOf((await this.drive()).files, ids)
    const made = this.downloads.add(zipOf(name, members.map(({ path, reader }) => ({ path, modified: reader.modified, source: this.source(reader, true) }))), token)
    return { ...made, left }
  }

  async exportTo(folder: FileSystemDirectoryHandle, listener: (state: ExportState) => void): Promise<ExportReport> {
    const { files } = await this.drive()
    return this.exporter.run(treeOf({ view: files.view, reader: (id) => files.reader(id) }), folder, listener)
  }

  async cancelExport(): Promise<void> {
    this.exporter.cancel()
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

  async restoreBackup(file: Blob): Promise<number> {
    const { storage, drive } = await this.files()
    if (file.size > MAX_BACKUP) throw new AppError('invalid', 'format.range', 'no backup is this large')
    const count = await storage.restore(own(new Uint8Array(await file.arrayBuffer())))
    await drive.files.adopt()
    return count
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
    this.exporter.cancel()
    this.tools.close()
    await this.restarting?.catch(() => undefined)
    const session = this.session
    this.session = undefined
    await session?.stop()
    this.stopped.resolve(undefined)
  }

  /** Looks after connections at once: the browser came online. */
  poke(): void {
    this.session?.poke()
  }

  /** Starts a session. Never rejects: whoever calls a method hears of a failure, and without a call it stands in the snapshot. */
  private async begin(): Promise<void> {
    if (isOver(this.leaving.signal)) return
    try {
      const changed = (): void => {
        this.snapshots.changed()
      }
      const { realm, init, tools } = this
      const session = await (init.mode === 'reader' ? startReader(realm, init, changed) : startStorage(realm, init, { changed, leave: () => void this.leave() }, tools))
      if (isOver(this.leaving.signal)) {
        await session.stop()
        return
      }
      this.session = session
      this.phase = 'running'
      this.ready.resolve(session)
    } catch (error) {
      if (isOver(this.leaving.signal)) return
      const failure = asAppError(error)
      this.realm.report(failure)
      this.problem = toPlainError(failure)
      this.ready.reject(failure)
    }
    this.snapshots.changed()
  }

  /** Signs out because another device wants that. Never rejects; what cannot be erased is not tried again before the next start. */
  private async leave(): Promise<void> {
    if (this.stays) return
    try {
      await this.signOut()
    } catch (error) {
      this.stays = true
      if (!isOver(this.leaving.signal)) this.realm.report(asAppError(error))
    }
  }

  /** Ends the session, does `between` with what is kept, and starts anew; also when `between` fails, which is thrown then. Calls wait meanwhile. */
  private restart(between: () => Promise<void>): Promise<void> {
    this.restarting = this.startAnew(between)
    return this.restarting
  }

  private async startAnew(between: () => Promise<void>): Promise<void> {
    const { session } = this
    if (session === undefined) throw new AppError('transient', 'peer.restarting', 'the session is being started')
    this.exporter.cancel()
    this.session = undefined
    this.phase = 'starting'
    this.ready = Promise.withResolvers()
    this.ready.promise.catch(() => undefined)
    this.snapshots.changed()
    try {
      await session.stop(between)
    } finally {
      await this.begin()
    }
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

  private async drive(): Promise<DriveSession> {
    return (await this.files()).drive
  }

  private async kept(): Promise<NonNullable<DriveSession['kept']>> {
    const { kept } = await this.drive()
    if (kept === undefined) throw new AppError('transient', 'copies.closed', 'the stores of copies could not be opened')
    return kept
  }

  private async files(): Promise<FileSession> {
    const { files } = await this.running()
    if (files === undefined) throw new AppError('denied', 'reader.only', 'this page only opens links')
    return files
  }
}
