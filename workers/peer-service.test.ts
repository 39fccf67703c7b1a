import { wrap } from 'comlink'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Stretch } from '../core/account/locker.ts'
import { concat } from '../core/base/bytes.ts'
import { AppError } from '../core/base/errors.ts'
import { loadBlake3 } from '../core/merkle/blake3.ts'
import * as signatures from '../core/seal/ed25519.ts'
import type { KeyWrap } from '../core/ports/key-wrap.ts'
import { freshKeyWrap } from '../core/testkit/key-wrap.ts'
import { nobleBlake3 } from '../core/testkit/noble-blake3.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../core/testkit/memory-meta-store.ts'
import { MemoryShardStore, memoryShardDisk } from '../core/testkit/memory-shard-store.ts'
import { storageWorld, type StorageWorld } from '../core/testkit/storage-world.ts'
import type { EntryRow } from './contract-drive.ts'
import type { FileToAdd, PeerContract, PeerInit, Snapshot } from './contract.ts'
import { answerDownload, type ServeRequest, type Tab } from './download/answer.ts'
import type { PeerRealm } from './peer-realm.ts'
import { PeerService } from './peer-service.ts'

/** Quick, where Argon2id takes a second. */
const quick: Stretch = ({ password, salt }) => Promise.resolve(nobleBlake3().hash(concat([salt, Uint8Array.of(0), password])))

/** One browser: what outlives its tabs. */
class TestBrowser {
  readonly lists = memoryMetaDisk()
  readonly settings = memoryMetaDisk()
  readonly disk = memoryShardDisk()
  readonly vaultDisk = memoryShardDisk()
  readonly vaultIndex = memoryMetaDisk()
  readonly handles = new Map<string, FileSystemFileHandle>()
  readonly seeds: string[] = []
  relays: readonly string[] = []
  refuses = false
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
          openVault: async () => ({ shards: new MemoryShardStore(this.vaultDisk), meta: new MemoryMetaStore(this.vaultIndex) }),
          persisted: async () => false,
          erase: async () => {
            this.lists.entries.clear()
            this.disk.shards.clear()
          },
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

const letter: FileToAdd = { file: new File(['Dear reader, '.repeat(500)], 'letter.txt', { type: 'text/plain', lastModified: 1_700_000_000_000 }), path: 'letter.txt' }

describe('the peer service', () => {
  let world: StorageWorld
  let browser: TestBrowser
  beforeEach(async () => {
    world = await storageWorld(4)
    browser = new TestBrowser(world)
  })
  afterEach(() => {
    world.close()
  })

  /** The newest snapshot that a tab was told. */
  function watched(tab: PeerService): { readonly now: Snapshot } {
    const seen = { now: undefined as unknown as Snapshot }
    void tab.watch((snapshot) => {
      seen.now = snapshot
    })
    return seen
  }

  async function rowOf(tab: PeerService, name: string): Promise<EntryRow | undefined> {
    const { rows } = await tab.list({ kind: 'search', text: name }, 0, 100)
    return rows.find((row) => row.name === name)
  }

  async function stored(tab: PeerService, name: string): Promise<string> {
    for (;;) {
      const row = await rowOf(tab, name)
      if (row?.status?.kind === 'safe' || row?.status?.kind === 'stored') return row.id
      await world.shards.clock.sleep(100)
    }
  }

  function asTab(service: PeerService): Tab {
    return {
      postMessage: (message, [port]) => {
        if (port instanceof MessagePort) void service.serve((message as ServeRequest).token, port)
      },
    }
  }

  async function download(service: PeerService, url: string): Promise<string> {
    const response = await answerDownload(new Request(`http://localhost${url}`), [asTab(service)])
    return response.text()
  }

  it('answers with a first snapshot before anything is loaded', async () => {
    const service = new PeerService({ ...({ openAccountTools: () => undefined } as unknown as PeerRealm), clock: world.shards.clock, random: world.shards.random }, { mode: 'full', relays: [] })
    expect(watched(service).now).toMatchObject({ phase: 'starting', peers: 0 })
  })

  it('stores a file, serves it as a download, and opens its link in a browser that was never here', async () => {
    const tab = browser.tab()
    await tab.add([letter], '')
    const id = await stored(tab, 'letter.txt')
    const own = await tab.downloadFile(id)
    expect(await tab.owns(own.token)).toBe(true)
    expect(await download(tab, own.url)).toBe(await letter.file.text())

    const stranger = new TestBrowser(world).tab('reader')
    const seed = await tab.link(id)
    expect(await stranger.openLink(seed)).toMatchObject({ name: 'letter.txt', type: 'text/plain', size: letter.file.size })
    const shared = await stranger.downloadLink(seed)
    expect(await download(stranger, shared.url)).toBe(await letter.file.text())
    await expect(stranger.add([letter], '')).rejects.toMatchObject({ kind: 'denied', code: 'reader.only' })
    await Promise.all([tab.stop(), stranger.stop()])
  })

  it('goes on in the tab that leads next with the same list and identity', async () => {
    const first = browser.tab()
    await first.add([letter], '')
    await stored(first, 'letter.txt')
    await first.stop()
    const second = browser.tab()
    const seen = watched(second)
    await world.until(() => seen.now.phase === 'running')
    expect((await second.list({ kind: 'folder', folder: '', sort: 'name' }, 0, 10)).rows.map(({ name }) => name)).toEqual(['letter.txt'])
    expect(browser.seeds[0]).toBe(browser.seeds[1])
    await second.stop()
  })

  it('opens a download under the token that another leader gave it', async () => {
    const first = browser.tab()
    await first.add([letter], '')
    const id = await stored(first, 'letter.txt')
    const { token, url } = await first.downloadFile(id)
    await first.stop()
    const second = browser.tab()
    expect(await second.downloadFile(id, token)).toEqual({ token, url })
    expect(await download(second, url)).toBe(await letter.file.text())
    await second.stop()
  })

  it('answers another tab on a port', async () => {
    const tab = browser.tab()
    const { port1, port2 } = new MessageChannel()
    await tab.attach(port2)
    await wrap<PeerContract>(port1).add([{ file: letter.file, path: 'letter.txt' }], '')
    await stored(tab, 'letter.txt')
    port1.close()
    await tab.stop()
  })

  it('gives a reader beside it an identity of its own', async () => {
    const tabs = [browser.tab(), browser.tab('reader')]
    await world.until(() => browser.seeds.length === 2)
    expect(new Set(browser.seeds).size).toBe(2)
    await Promise.all(tabs.map((tab) => tab.stop()))
  })

  it('keeps a file’s handle only while the file is being stored', async () => {
    const tab = browser.tab()
    const handle = { getFile: async () => letter.file } as unknown as FileSystemFileHandle
    await tab.add([{ ...letter, handle }], '')
    await stored(tab, 'letter.txt')
    await world.until(() => browser.handles.size === 0, 'the handle to go')
    await tab.stop()
  })

  it('remembers the relays that were set, refuses bad ones, and goes back to those of the build', async () => {
    const first = browser.tab()
    await first.setRelays(['http://mine.example'])
    await expect(first.setRelays(['bad'])).rejects.toMatchObject({ code: 'relay.url' })
    await first.stop()
    const second = browser.tab()
    await world.until(() => browser.seeds.length === 2)
    expect(browser.relays).toEqual(['http://mine.example'])
    await second.setRelays([])
    expect(browser.relays).toEqual(['http://built-in.example'])
    await second.stop()
  })

  it('brings the list back from a backup in another browser', async () => {
    const tab = browser.tab()
    await tab.add([letter], '')
    await stored(tab, 'letter.txt')
    const other = new TestBrowser(world).tab()
    expect(await other.restoreBackup(await tab.backup())).toBe(1)
    const id = await stored(other, 'letter.txt')
    expect(await download(other, (await other.downloadFile(id)).url)).toBe(await letter.file.text())
    await Promise.all([tab.stop(), other.stop()])
  })

  it('shows why it cannot start, and says it to whoever asks for something', async () => {
    browser.refuses = true
    const tab = browser.tab()
    const seen = watched(tab)
    await world.until(() => seen.now.problem !== undefined)
    expect(seen.now.problem).toMatchObject({ code: 'storage.refused' })
    await expect(tab.add([letter], '')).rejects.toMatchObject({ code: 'storage.refused' })
    browser.refuses = false
    const next = browser.tab()
    await next.add([letter], '')
    await stored(next, 'letter.txt')
    await next.stop()
  })

  it('answers aborted to all that waits when it is stopped', async () => {
    const tab = browser.tab()
    const adding = tab.link('nothing')
    await tab.stop()
    await expect(adding).rejects.toMatchObject({ kind: 'aborted' })
  })
})
