import type { Stretch } from '../../core/account/locker.ts'
import { concat } from '../../core/base/bytes.ts'
import { AppError } from '../../core/base/errors.ts'
import { loadBlake3 } from '../../core/merkle/blake3.ts'
import type { KeyWrap } from '../../core/ports/key-wrap.ts'
import * as signatures from '../../core/seal/ed25519.ts'
import { freshKeyWrap } from '../../core/testkit/key-wrap.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../../core/testkit/memory-meta-store.ts'
import { MemoryShardStore, memoryShardDisk } from '../../core/testkit/memory-shard-store.ts'
import { nobleBlake3 } from '../../core/testkit/noble-blake3.ts'
import type { StorageWorld } from '../../core/testkit/storage-world.ts'
import type { EntryRow } from '../contract-drive.ts'
import type { PeerInit, Snapshot } from '../contract.ts'
import { answerDownload, type ServeRequest, type Tab } from '../download/answer.ts'
import type { PeerRealm } from '../peer-realm.ts'
import type { BrowserStorage } from '../storage/open.ts'
import { PeerService } from '../peer-service.ts'

/** Quick, where Argon2id takes a second. */
const quick: Stretch = ({ password, salt }) => Promise.resolve(nobleBlake3().hash(concat([salt, Uint8Array.of(0), password])))

/** One browser: what outlives its tabs. */
export class TestBrowser {
  readonly lists = memoryMetaDisk()
  readonly settings = memoryMetaDisk()
  readonly disk = memoryShardDisk()
  readonly vaultDisk = memoryShardDisk()
  readonly vaultIndex = memoryMetaDisk()
  readonly copiesDisk = memoryShardDisk()
  readonly copiesIndex = memoryMetaDisk()
  readonly handles = new Map<string, FileSystemFileHandle>()
  readonly seeds: string[] = []
  relays: readonly string[] = []
  refuses = false
  failsToErase = false
  /** What opening its copies fails with. */
  copiesFail: AppError | undefined
  private readonly world: StorageWorld
  private readonly keyWrap: Promise<KeyWrap>

  constructor(world: StorageWorld) {
    this.world = world
    this.keyWrap = freshKeyWrap(world.shards.random)
  }

  /** A tab of Shoal, running. */
  tab(mode: PeerInit['mode'] = 'full'): PeerService {
    const service = new PeerService(this.realm(), { mode, relays: ['http://built-in.example'] })
    void service.run()
    return service
  }

  private async openCopies(): ReturnType<BrowserStorage['openCopies']> {
    if (this.copiesFail !== undefined) throw this.copiesFail
    return { shards: new MemoryShardStore(this.copiesDisk), meta: new MemoryMetaStore(this.copiesIndex) }
  }

  private erase(): void {
    if (this.failsToErase) throw new AppError('transient', 'store.unavailable', 'the disk does not answer')
    for (const { entries } of [this.lists, this.copiesIndex]) entries.clear()
    for (const { shards } of [this.disk, this.copiesDisk]) shards.clear()
  }

  private realm(): PeerRealm {
    const { shards, coder } = this.world
    const { handles } = this
    return {
      clock: shards.clock,
      random: shards.random,
      signatures,
      report: () => undefined,
      openStorage: async () => {
        if (this.refuses) throw new AppError('transient', 'storage.refused', 'private window')
        return {
          list: new MemoryMetaStore(this.lists),
          device: new MemoryMetaStore(this.settings),
          shards: new MemoryShardStore(this.disk),
          handles: {
            put: async (id, handle) => void handles.set(id, handle),
            file: async (id) => handles.get(id)?.getFile(),
            delete: async (id) => void handles.delete(id),
            ids: async () => [...handles.keys()],
          },
          keyWrap: await this.keyWrap,
          openCopies: () => this.openCopies(),
          openVault: async () => ({ shards: new MemoryShardStore(this.vaultDisk), meta: new MemoryMetaStore(this.vaultIndex) }),
          persisted: async () => false,
          erase: async () => { this.erase() },
          close: async () => undefined,
        }
      },
      openCoder: () => ({ ...coder, close: () => undefined }),
      openAccountTools: () => ({ stretch: quick, strength: async (password) => ({ score: password.length > 8 ? 4 : 0, accepted: password.length > 8, reason: undefined, advice: [] }), close: () => undefined }),
      deviceName: 'Test browser',
      address: 'https://shoal.example',
      loadBlake3: () => loadBlake3(),
      connect: async ({ seed, relays }) => {
        this.seeds.push(seed.join())
        this.relays = relays
        const network = shards.peer()
        const identity = { key: network.self, sign: async () => new Uint8Array(64) }
        const setRelays = (urls: readonly string[]): void => {
          if (urls.includes('bad')) throw new AppError('invalid', 'relay.url', 'bad')
          this.relays = urls
        }
        return { network, records: shards.records, identity, setRelays, poke: () => undefined, addresses: () => [], iceServers: () => Promise.resolve([]), serveDht: () => Promise.resolve() }
      },
    }
  }
}

/** Tabs of a test, all of which are closed in the end. */
export class TestTabs {
  private readonly tabs: PeerService[] = []

  /** A tab of a browser, a fresh one unless given. */
  open(world: StorageWorld, browser = new TestBrowser(world)): PeerService {
    const tab = browser.tab()
    this.tabs.push(tab)
    return tab
  }

  async close(): Promise<void> {
    await Promise.all(this.tabs.splice(0).map((tab) => tab.stop()))
  }
}

/** The newest snapshot that a tab was told. */
export function watched(tab: PeerService): { readonly now: Snapshot } {
  const seen = { now: undefined as unknown as Snapshot }
  void tab.watch((snapshot) => {
    seen.now = snapshot
  })
  return seen
}

/** The row of the file with this name, wherever it is. */
export async function rowOf(tab: PeerService, name: string): Promise<EntryRow | undefined> {
  const { rows } = await tab.list({ kind: 'search', text: name }, 0, 100)
  return rows.find((row) => row.name === name)
}

/** Waits until hosts have all of the file; resolves to its id. */
export async function stored(tab: PeerService, name: string, { shards }: StorageWorld): Promise<string> {
  for (;;) {
    const row = await rowOf(tab, name)
    if (row?.status?.kind === 'safe' || row?.status?.kind === 'stored') return row.id
    await shards.clock.sleep(100)
  }
}

/** What the service worker would be given at `url`. */
export async function download(service: PeerService, url: string): Promise<string> {
  const tab: Tab = {
    postMessage: (message, [port]) => {
      if (port instanceof MessagePort) void service.serve((message as ServeRequest).token, port)
    },
  }
  return (await answerDownload(new Request(`http://localhost${url}`), [tab])).text()
}
