import { AppError, asAppError, toPlainError } from '../core/base/errors.ts'
import { AccountKeeper, type AccountDeps, type FoundMaster } from '../core/flows/account/account.ts'
import { Pins } from '../core/flows/cache/pins.ts'
import { DriveFiles, type Published } from '../core/flows/drive/files.ts'
import { Bell, ringOr } from '../core/flows/bell.ts'
import { Heads } from '../core/flows/drive/heads.ts'
import { Lists } from '../core/flows/drive/lists.ts'
import { OwnDrive } from '../core/flows/drive/own-drive.ts'
import { DriveSync, type SyncState } from '../core/flows/drive/sync.ts'
import type { Storage } from '../core/flows/index.ts'
import { LEASE_SECONDS } from '../core/formats/receipt.ts'
import type { AccountState, DeviceRow, SignIn } from './contract-account.ts'
import type { DriveState } from './contract-drive.ts'
import { CopiesPart } from './copies.ts'
import { savedTried, saveTried } from './device.ts'
import type { PeerRealm } from './peer-realm.ts'
import type { BrowserStorage } from './storage/open.ts'

/** Contents that the drive names no more are looked for so long after a change at the earliest, in ms: it looks at every version. */
const RELEASE_MS = 10_000
/** Other devices are told so long, in ms, that this one signs out. */
const DEPART_MS = 10_000
/** The number of a device that has none yet. */
const UNNUMBERED = 65_535

const NEVER: Published = { sequence: () => 0, isWhole: () => false, mergedByAll: () => false }

export interface DriveSessionInit {
  readonly realm: PeerRealm
  readonly kept: BrowserStorage
  readonly storage: Storage
  readonly account: Pick<AccountDeps, 'stretch' | 'strength'>
  /** Bytes that copies may take. */
  readonly room: number
  readonly changed: () => void
  /** Another device wants this one to sign out, and nothing is lost by that; or it was about to when it died. Called once. */
  readonly leave: () => void
}

/** The drive and the account of this browser, at work. */
export class DriveSession {
  readonly account: AccountKeeper
  readonly files: DriveFiles
  readonly lists: Lists
  /** Files kept on this device, and the room for copies; absent where there are none. */
  readonly kept: { readonly pins: Pins; readonly copies: CopiesPart } | undefined
  private readonly init: DriveSessionInit
  private readonly own: OwnDrive
  private readonly ending = new AbortController()
  private readonly loops: Promise<void>[] = []
  private sync: DriveSync | undefined
  /** Changes of the drive, and of what else lists show. */
  private revision = 0
  private statuses = 0
  /** Revision of the drive when contents were last released. */
  private releasedAt = -1
  private tried: boolean
  private releasing: Promise<void> | undefined
  /** This device is about to sign out. */
  private departing = false
  /** Rung when something of `sync` is different. */
  private readonly synced = new Bell()

  private constructor(init: DriveSessionInit, own: OwnDrive, account: AccountKeeper, tried: boolean) {
    this.init = init
    this.own = own
    this.account = account
    this.tried = tried
    const { storage, realm } = init
    this.files = new DriveFiles({
      own,
      storage,
      clock: realm.clock,
      note: (change) => this.sync?.note(change),
      published: () => this.published(),
      report: realm.report,
    })
    this.lists = new Lists({ files: this.files, storage, kept: (entry) => this.kept?.pins.state(entry), revision: () => this.revision, deviceName: (index) => this.deviceName(index) })
    this.kept = this.makeKept()
    own.drive.watch(() => { this.driveChanged() }, this.ending.signal)
  }

  /** Opens what this browser keeps, and goes on with it. Errors of the stores; `corrupt` `drive.damaged`. */
  static async open(init: DriveSessionInit): Promise<DriveSession> {
    const { realm, kept, storage, account, changed } = init
    const { journal, secrets } = storage.list
    const { clock, random, report } = realm
    const { stretch, strength } = account
    const keeper = new AccountKeeper({ ...storage.swarm, stretch, strength, journal, secrets, keyWrap: kept.keyWrap, changed, report })
    await keeper.load()
    // The number of this device is known only later, and a version wants it when it is made.
    const number = { of: (): number => 0 }
    const options = {
      random,
      report,
      now: () => clock.now(),
      get device() {
        return number.of()
      },
    }
    const session = new DriveSession(init, await OwnDrive.open(journal, options), keeper, await savedTried(kept.device))
    number.of = () => session.number()
    if (keeper.record !== undefined) await session.startSync()
    await session.files.start()
    session.loops.push(session.files.run(session.ending.signal), keeper.run(session.ending.signal), session.keep())
    session.obey()
    return session
  }

  /** What a snapshot says. */
  state(): { readonly drive: DriveState; readonly account: AccountState } {
    const { unfinished, unsafe } = this.init.storage.totals()
    const { all, trash } = this.files.view.totals()
    const drive: DriveState = {
      revision: this.revision + this.statuses,
      files: all.files - trash.files,
      folders: all.folders - trash.folders,
      trash: { files: trash.files, folders: trash.folders, bytes: trash.allBytes },
      keepDays: this.files.view.keepDays,
      unfinished,
    }
    return { drive, account: this.accountState(unsafe, all.files > 0) }
  }

  /** What lists show of files may be different, though the drive is as it was. */
  statusChanged(): void {
    this.statuses++
    this.obey()
  }

  async tryWithout(): Promise<void> {
    this.tried = true
    await saveTried(this.init.kept.device, true)
    this.init.changed()
  }

  /** Makes an account of what is here; resolves to its words. */
  async createAccount(name: string, password: string): Promise<readonly string[]> {
    // With an account and nothing at work for it, an attempt before this one broke off in between.
    if (this.account.record === undefined || this.sync !== undefined) {
      this.withoutAccount()
      await this.account.create(name, password, this.init.realm.deviceName, this.ending.signal)
    }
    await this.startSync()
    this.init.changed()
    return this.account.words()
  }

  /** The master of an account, looked up; nothing changes. Throws `denied` `account.signed-in`; `transient` `account.storing` while files are on their way. */
  async find(given: SignIn): Promise<FoundMaster> {
    this.mayTake()
    return await this.account.find(given, this.ending.signal)
  }

  /** Throws as `find` while no account may be taken. */
  mayTake(): void {
    this.withoutAccount()
    if (this.init.storage.totals().unfinished > 0) throw new AppError('transient', 'account.storing', 'files are still being stored')
  }

  /** Makes `found` the account of this browser. Only once the storage has stopped. */
  async take(found: FoundMaster): Promise<void> {
    await this.account.take(found, this.init.realm.deviceName)
  }

  async changePassword(current: string, next: string, name: string | undefined): Promise<void> {
    if (this.account.record === undefined) throw new AppError('invalid', 'account.none', 'there is no account here')
    await this.account.changePassword(current, next, name, this.ending.signal)
  }

  devices(): DeviceRow[] {
    return (this.sync?.state().devices ?? []).map(({ index, name, written, own, device, asked }) => ({ index, name, seen: written, own, asked, ...(device === undefined ? {} : { id: device }) }))
  }

  /** Asks another device to sign out. Throws `absent` `device.unknown`. */
  async signOutDevice(id: string): Promise<void> {
    if (!this.devices().some((device) => device.id === id && !device.own)) throw new AppError('absent', 'device.unknown', 'no other device of this account has this id')
    await this.files.change((edit) => edit.askSignOut(id))
  }

  /** Notes that this device signs out, as its last change, and tells hosts if they can be reached soon. Never rejects. */
  async depart(): Promise<void> {
    const { sync } = this
    this.departing = true
    if (sync === undefined) return
    const { clock, report } = this.init.realm
    try {
      await this.files.change((edit) => edit.noteLeft(sync.device))
      const until = clock.now() + DEPART_MS
      while (!sync.state().published && this.init.storage.totals().hosts > 0 && clock.now() < until) await ringOr(this.synced, until - clock.now(), clock, this.ending.signal)
    } catch (error) {
      // A full disk keeps nobody signed in.
      report(asAppError(error))
    }
  }

  /** Looks for what other devices did, at once. */
  poke(): void {
    this.sync?.poke()
  }

  /** Releases what the drive names no more, if that may be. */
  release(): void {
    if (this.revision === this.releasedAt && !this.files.waits) return
    this.releasing ??= this.releaseSoon()
  }

  /** Ends all work. What was acknowledged is on disk. */
  async stop(): Promise<void> {
    this.ending.abort()
    await Promise.allSettled([...this.loops, this.releasing])
  }

  private driveChanged(): void {
    this.revision++
    this.kept?.pins.wake()
    this.init.changed()
    this.obey()
  }

  /** Signs this device out when another one wants that and nothing is lost by it, or when it was at that already. */
  private obey(): void {
    const { sync, files } = this
    const wish = sync && files.view.signOut(sync.device)
    if (wish === undefined || this.departing) return
    const { account } = this.state()
    if (wish === 'asked' && !(account.kind === 'account' && account.synced && account.unsafe === 0)) return
    this.departing = true
    this.init.leave()
  }

  private makeKept(): DriveSession['kept'] {
    const { storage, realm, kept, room } = this.init
    const { cache, swarm } = storage
    if (cache === undefined) return undefined
    const changed = (): void => {
      this.statuses++
      this.init.changed()
    }
    const pins = new Pins({
      ...cache,
      clock: realm.clock,
      view: () => this.files.view,
      reader: (file) => this.files.reader(file),
      hostsChanged: swarm.hosts.changed,
      busy: () => storage.totals().unfinished > 0,
      changed,
      report: realm.report,
    })
    const copies = new CopiesPart({ copies: cache.copies, device: kept.device, problem: () => pins.problem, changed }, room)
    return { pins, copies }
  }

  /** Keeps chosen files on this device; a failure of their store is no reason not to work without. */
  private async keep(): Promise<void> {
    try {
      await this.kept?.copies.estimate()
      await this.kept?.pins.load()
      this.init.changed()
      await this.kept?.pins.run(this.ending.signal)
    } catch (error) {
      if (!this.ending.signal.aborted) this.init.realm.report(asAppError(error))
    }
  }

  private number(): number {
    if (this.account.record === undefined) return 0
    return this.sync?.state().index ?? UNNUMBERED
  }

  private deviceName(index: number): string | undefined {
    return this.sync?.state().devices.find((device) => device.index === index)?.name
  }

  private withoutAccount(): void {
    if (this.account.record !== undefined) throw new AppError('denied', 'account.signed-in', 'there is an account here')
  }

  private async startSync(): Promise<void> {
    const { realm, storage, changed } = this.init
    const { clock, random, report } = realm
    const { swarm, list } = storage
    const sync = new DriveSync({
      own: this.own,
      storage,
      heads: new Heads(this.account.master, swarm),
      journal: list.journal,
      clock,
      random,
      blake3: swarm.blake3,
      deviceName: this.account.record?.device ?? realm.deviceName,
      changed: () => {
        changed()
        this.release()
        this.synced.ring()
        this.obey()
      },
      report,
    })
    await sync.load()
    this.sync = sync
    this.loops.push(sync.run(this.ending.signal))
  }

  private published(): Published | undefined {
    const { sync } = this
    // An account whose drive is not at work yet: others may have it all the same.
    if (sync === undefined) return this.account.record === undefined ? undefined : NEVER
    return {
      sequence: () => sync.sequence(),
      isWhole: () => sync.state().published,
      mergedByAll: (sequence) => sync.mergedByAll(sequence),
    }
  }

  private async releaseSoon(): Promise<void> {
    try {
      await this.init.realm.clock.sleep(RELEASE_MS, this.ending.signal)
      this.releasing = undefined
      this.releasedAt = this.revision
      await this.files.release()
    } catch (error) {
      if (!this.ending.signal.aborted) this.init.realm.report(asAppError(error))
    }
  }

  private accountState(unsafe: number, hasFiles: boolean): AccountState {
    const { record } = this.account
    if (record === undefined) return { kind: 'none', tried: this.tried || hasFiles }
    const state: SyncState | undefined = this.sync?.state()
    const { published = false, publishedAt, looked = false, problem } = state ?? {}
    return {
      kind: 'account',
      device: record.device,
      synced: published && unsafe === 0,
      looked,
      unsafe: unsafe + (published ? 0 : 1) + this.account.closing,
      asked: this.sync !== undefined && this.files.view.signOut(this.sync.device) !== undefined,
      ...(record.name === undefined ? {} : { name: record.name }),
      ...(publishedAt === undefined ? {} : { keptUntil: publishedAt + LEASE_SECONDS * 1000 }),
      ...(problem === undefined ? {} : { problem: toPlainError(problem) }),
    }
  }
}
