import { isAppError } from '../core/base/errors.ts'
import { createReader, createStorage, type FileReader, type LinkView, type ReaderDeps, type Storage } from '../core/flows/index.ts'
import type { AccountDeps } from '../core/flows/account/account.ts'
import type { FileEntry } from '../core/flows/list/entry.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { Peer } from '../peer/peer.ts'
import type { FileToAdd, PeerInit, Snapshot } from './contract.ts'
import { openCopies } from './copies.ts'
import { peerSeed, savedRelays, saveRelays, saveTried } from './device.ts'
import { DriveSession, type DriveSessionInit } from './drive-session.ts'
import { openHosting, type HostingPart } from './hosting.ts'
import type { PeerRealm } from './peer-realm.ts'
import type { BrowserStorage } from './storage/open.ts'

/** A running peer, with or without a memory of its own. */
export interface Session {
  /** What of a snapshot this session knows. */
  snapshot(): Pick<Snapshot, 'peers' | 'hosts' | 'relayed' | 'relays' | 'drive' | 'account' | 'space' | 'coded' | 'local' | 'hosting' | 'copies'>
  openLink(seed: string): Promise<LinkView>
  linkReader(seed: string): Promise<FileReader>
  setRelays(urls: readonly string[]): Promise<void>
  /** Looks after connections at once. */
  poke(): void
  /** Absent where nothing is kept. */
  readonly files?: FileSession
  /** `last` is done when nothing works any more, while what is kept is still open. */
  stop(last?: () => Promise<void>): Promise<void>
}

/** What is done with the files of the list. */
export interface FileSession {
  readonly storage: Storage
  readonly drive: DriveSession
  readonly hosting: HostingPart
  add(files: readonly FileToAdd[], folder: string): Promise<void>
  /** Removes all that is the person's own; as the `last` of `stop`. */
  erase(): Promise<void>
}

/** What passwords are stretched and judged with. */
export type PasswordTools = Pick<AccountDeps, 'stretch' | 'strength'>

type Changed = () => void
type StorageEvents = Pick<DriveSessionInit, 'changed' | 'leave'>
/** Soon enough for a person, in ms. */
const LOOK_MS = 500
const NOTHING = { space: { files: 0, stored: 0, free: 0 }, local: { used: 0, quota: 0 } }

/** A session that keeps nothing and has an identity of its own, for links only. */
export async function startReader(realm: PeerRealm, init: PeerInit, changed: Changed): Promise<Session> {
  const peer = await realm.connect({ seed: realm.random.bytes(32), relays: init.relays })
  const { deps, close } = await readerDeps(realm, peer)
  const reader = createReader(deps)
  const watching = new AbortController()
  const looking = lookNowAndThen(realm.clock, changed, watching.signal)
  return {
    ...linkParts(reader, peer),
    snapshot: () => ({ ...NOTHING, ...networkPart(peer), hosts: reader.hosts() }),
    async setRelays(urls) {
      peer.setRelays(urls.length === 0 ? init.relays : urls)
    },
    async stop(last = () => Promise.resolve()) {
      watching.abort()
      await looking
      await reader.stop()
      await close()
      await last()
    },
  }
}

/** A session with the list of this browser. Only for the holder of the origin's lock. Errors of the stores; `transient` `storage.refused`. */
export async function startStorage(realm: PeerRealm, init: PeerInit, { changed, leave }: StorageEvents, tools: PasswordTools): Promise<Session> {
  const kept = await realm.openStorage()
  const relays = (await savedRelays(kept.device)) ?? init.relays
  const peer = await realm.connect({ seed: await peerSeed(kept.device, realm.random), relays })
  const { deps, close } = await readerDeps(realm, peer)
  const copies = await openCopies(realm, kept)
  const storage = await createStorage({ ...deps, copies, meta: kept.list, shards: kept.shards, keyWrap: kept.keyWrap, reopenFile: (id) => kept.handles.file(id) })
  const drive = await DriveSession.open({ realm, kept, storage, account: tools, room: copies?.room ?? 0, changed, leave })
  const hosting = await openHosting(realm, kept, peer, changed)
  const watching = new AbortController()
  const handles = new HandleKeeper(kept)
  peer.network.watch(changed, watching.signal)
  const watched = storage.watch(() => {
    void handles.forget(() => storage.list.table.shown().filter(isUnfinished).map(({ id }) => id))
    drive.statusChanged()
    changed()
  }, watching.signal)
  return {
    ...linkParts(storage, peer),
    poke() {
      peer.poke()
      drive.poke()
    },
    snapshot() {
      const { hosts, space, coded, local } = storage.totals()
      const more = drive.kept === undefined ? {} : { copies: drive.kept.copies.snapshot() }
      return { hosts, space, coded, local, ...drive.state(), ...networkPart(peer), hosting: hosting.snapshot(), ...more }
    },
    async setRelays(urls) {
      peer.setRelays(urls.length === 0 ? init.relays : urls)
      await saveRelays(kept.device, urls)
    },
    files: fileSession({ storage, drive, hosting }, kept, handles),
    async stop(last = () => Promise.resolve()) {
      watching.abort()
      await watched
      try {
        await drive.stop()
        await storage.stop()
        await hosting.stop()
        await close()
        await last()
      } finally {
        await kept.close()
      }
    },
  }
}

function fileSession(parts: Pick<FileSession, 'storage' | 'drive' | 'hosting'>, kept: BrowserStorage, handles: HandleKeeper): FileSession {
  return {
    ...parts,
    async add(files, folder) {
      const ids = await parts.drive.files.add(files, folder)
      await handles.keep(files, ids)
    },
    async erase() {
      await saveTried(kept.device, false)
      await kept.erase()
    },
  }
}

function linkParts(from: Pick<Storage, 'openLink' | 'linkReader'>, peer: Peer): Pick<Session, 'openLink' | 'linkReader' | 'poke'> {
  return {
    openLink: (seed) => from.openLink(seed),
    linkReader: (seed) => from.linkReader(seed),
    poke: () => {
      peer.poke()
    },
  }
}

function networkPart({ network }: Peer): Pick<Snapshot, 'peers' | 'relayed' | 'relays'> {
  const { peers, relayed, relays } = network.state()
  return { peers: peers.length, relayed: relayed.length, relays }
}

async function readerDeps(realm: PeerRealm, peer: Peer): Promise<{ deps: ReaderDeps; close: () => Promise<void> }> {
  const { clock, random, signatures, report } = realm
  const coder = realm.openCoder()
  const { network, records } = peer
  const deps = { network, records, coder, clock, random, blake3: await realm.loadBlake3(), signatures, report }
  return {
    deps,
    async close() {
      coder.close()
      await network.close()
    },
  }
}

/** A reader tells nobody when hosts come and go, so it is looked at. */
async function lookNowAndThen(clock: Clock, changed: Changed, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted) {
      changed()
      await clock.sleep(LOOK_MS, signal)
    }
  } catch (error) {
    if (!isAppError(error, 'aborted')) throw error
  }
}

function isUnfinished({ record }: FileEntry): boolean {
  return record.status === 'storing' || record.status === 'failed'
}

/** Keeps the handles of files as long as these are being stored, and no longer. */
class HandleKeeper {
  private held: Promise<Set<string>>
  private readonly kept: BrowserStorage

  constructor(kept: BrowserStorage) {
    this.kept = kept
    this.held = kept.handles.ids().then((ids) => new Set(ids))
    this.held.catch(() => undefined)
  }

  async keep(files: readonly FileToAdd[], ids: readonly string[]): Promise<void> {
    const held = await this.held
    for (const [i, { handle }] of files.entries()) {
      const id = ids[i]
      if (handle === undefined || id === undefined) continue
      held.add(id)
      await this.kept.handles.put(id, handle)
    }
  }

  /** Deletes handles of files that are not `needed`. One that stays behind costs nothing and goes another time. */
  async forget(needed: () => readonly string[]): Promise<void> {
    try {
      const held = await this.held
      if (held.size === 0) return
      const wanted = new Set(needed())
      const done = [...held].filter((id) => !wanted.has(id))
      for (const id of done) held.delete(id)
      for (const id of done) await this.kept.handles.delete(id)
    } catch (error) {
      if (!isAppError(error)) throw error
    }
  }
}
