import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { storageWorld, type StorageWorld } from '../core/testkit/storage-world.ts'
import type { MemoryHost } from '../core/testkit/shard-world.ts'
import type { FileToAdd } from './contract.ts'
import type { PeerService } from './peer-service.ts'
import { download, rowOf, stored, TestTabs, watched, type TestBrowser } from './testkit/test-browser.ts'

vi.setConfig({ testTimeout: 120_000 })

const DAY = 86_400_000
const anna = { name: 'Anna', password: 'correct horse battery' }

function file(path: string, text: string): FileToAdd {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return { file: new File([text.repeat(300)], name, { type: 'text/plain', lastModified: 1_700_000_000_000 }), path }
}

describe('an account over months, and on devices that are offline', () => {
  let world: StorageWorld
  let hosts: MemoryHost[]
  const tabs = new TestTabs()
  beforeEach(async () => {
    world = await storageWorld(0)
    hosts = await world.hosts(4)
  })
  afterEach(async () => {
    await tabs.close()
    world.close()
  })

  const open = (browser?: TestBrowser): PeerService => tabs.open(world, browser)

  /** Waits until hosts have all of a tab. */
  async function synced(tab: PeerService): Promise<void> {
    const seen = watched(tab)
    await world.until(() => seen.now.account?.kind === 'account' && seen.now.account.synced && seen.now.account.keptUntil !== undefined, 'everything on hosts')
  }

  /** What the screen says. */
  function keptUntil(tab: PeerService): number {
    const { account } = watched(tab).now
    return (account?.kind === 'account' ? account.keptUntil : undefined) ?? 0
  }

  async function online(): Promise<void> {
    world.shards.dht.servers = 1
    await Promise.all(hosts.map((host) => host.start()))
  }

  function offline(): void {
    world.shards.dht.servers = 0
    for (const host of hosts) host.kill()
  }

  /** All that a tab lists, as `path` → content, trash apart. */
  async function tree(tab: PeerService): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    const visit = async (folder: string, above: string): Promise<void> => {
      for (const row of (await tab.list({ kind: 'folder', folder, sort: 'name' }, 0, 1000)).rows) {
        if (row.kind === 'folder') await visit(row.id, `${above}${row.name}/`)
        const versions = row.kind === 'folder' ? [] : await tab.versions(row.id)
        const texts = await Promise.all(versions.map(async ({ id }) => (await download(tab, (await tab.downloadVersion(row.id, id)).url)).slice(0, 1)))
        found.set(above + row.name, texts.join(''))
      }
    }
    await visit('', '')
    return found
  }

  async function idAt(tab: PeerService, path: string): Promise<string> {
    let at = ''
    for (const name of path.split('/')) at = (await tab.list({ kind: 'folder', folder: at, sort: 'name' }, 0, 100)).rows.find((row) => row.name === name)?.id ?? 'nothing'
    return at
  }

  /** Both look for each other until they list the same. */
  async function alike(a: PeerService, b: PeerService): Promise<Map<string, string>> {
    let both: [string, string] = ['', ' ']
    await vi.waitFor(
      async () => {
        await Promise.all([a.refresh(), b.refresh()])
        const [left, right] = [await shape(a), await shape(b)]
        both = [left, right]
        expect(left).toBe(right)
        for (const tab of [a, b]) expect(watched(tab).now.account).toMatchObject({ synced: true })
      },
      { timeout: 60_000, interval: 300 },
    )
    expect(both[0]).not.toBe('')
    return await tree(a)
  }

  async function shape(tab: PeerService): Promise<string> {
    const ids = [...(await tab.ids({ kind: 'folder', folder: '', sort: 'name' })), ...(await tab.ids({ kind: 'trash' })), ...(await tab.ids({ kind: 'search', text: 'a' }))]
    const versions = await Promise.all(ids.map(async (id) => (id.startsWith('f') ? (await tab.versions(id)).map((version) => version.id).join() : '')))
    return JSON.stringify([ids, versions, (await tab.list({ kind: 'search', text: 'a' }, 0, 100)).rows.map(({ path, name }) => [...path, name])])
  }

  it('is found by name and password, and by its words, when all its devices were off for 60 and 170 days and the DHT has forgotten, until the day that was told', async () => {
    const first = open()
    const words = await first.createAccount(anna.name, anna.password)
    await first.add([file('post/letter.txt', 'L')], '')
    await stored(first, 'letter.txt', world)
    await synced(first)
    let told = keptUntil(first)
    const began = world.shards.clock.now()
    await first.stop()
    for (const day of [60, 170]) {
      offline()
      world.shards.clock.jump(began + day * DAY)
      world.shards.dht.held.clear()
      await online()
      for (const given of [anna, { phrase: words.join(' ') }]) {
        const tab = open()
        await tab.signIn(given)
        await vi.waitFor(async () => expect(await rowOf(tab, 'letter.txt')).toBeDefined(), { timeout: 30_000 })
        expect(await download(tab, (await tab.downloadFile((await rowOf(tab, 'letter.txt'))?.id ?? '')).url)).toBe('L'.repeat(300))
        // What it merged it has told hosts anew, and so has its locker.
        await synced(tab)
        told = keptUntil(tab)
        await tab.stop()
      }
    }
    expect(told - began).toBeGreaterThan((170 + 179) * DAY)
    world.shards.clock.jump(told + DAY)
    world.shards.dht.held.clear()
    const late = open()
    await expect(late.signIn(anna)).rejects.toMatchObject({ kind: expect.stringMatching(/absent|transient/) as unknown })
  })

  it('has the same tree on two devices that changed one folder while offline, and nothing that either did is lost', async () => {
    const a = open()
    await a.createAccount(anna.name, anna.password)
    await a.add(['A/renamed', 'A/moved', 'A/deleted', 'A/written', 'B/kept'].map((path) => file(path, '0')), '')
    await a.createFolder('', 'area')
    for (const name of ['renamed', 'moved', 'deleted', 'written', 'kept']) await stored(a, name, world)
    await synced(a)
    const b = open()
    await b.signIn(anna)
    await alike(a, b)
    offline()

    await a.rename(await idAt(a, 'A/renamed'), 'a new name')
    await a.move([await idAt(a, 'A/moved')], await idAt(a, 'area'))
    await a.trash([await idAt(a, 'A/deleted')])
    await a.add([file('written', '1')], await idAt(a, 'A'))
    await a.move([await idAt(a, 'A')], await idAt(a, 'B'))
    await b.move([await idAt(b, 'A/renamed')], await idAt(b, 'area'))
    await b.rename(await idAt(b, 'A/moved'), 'another name')
    await b.add([file('deleted', '2'), file('written', '3')], await idAt(b, 'A'))
    await b.move([await idAt(b, 'B')], await idAt(b, 'A'))
    await online()

    const all = await alike(a, b)
    expect(all.get('area/a new name')).toBe('0')
    expect(all.get('area/another name')).toBe('0')
    const written = [...all].find(([path]) => path.endsWith('/written'))?.[1]
    expect((written ?? '').split('').sort()).toEqual(['0', '1', '3'])
    expect([...all.keys()].filter((path) => /(^|\/)(A|B|kept)$/.test(path))).toHaveLength(3)
    const { rows } = await b.list({ kind: 'trash' }, 0, 10)
    expect(rows.map(({ name, versions }) => [name, versions])).toEqual([['deleted', 2]])
    await a.restore(rows.map(({ id }) => id))
    await vi.waitFor(async () => {
      const row = await rowOf(a, 'deleted')
      expect(await download(a, (await a.downloadFile(row?.id ?? '')).url)).toBe('2'.repeat(300))
    }, { timeout: 30_000 })
  })

  it('keeps a file of one device whole that shares all its bytes with one that another device deletes for good', async () => {
    const a = open()
    await a.createAccount(anna.name, anna.password)
    await a.add([file('a first', 'X')], '')
    await stored(a, 'a first', world)
    await synced(a)
    const b = open()
    await b.signIn(anna)
    await alike(a, b)
    offline()
    await b.add([file('a second', 'X')], '')
    await a.trash([await idAt(a, 'a first')])
    await a.emptyTrash()
    await online()
    await stored(b, 'a second', world)
    await alike(a, b)
    await vi.waitFor(async () => {
      await Promise.all([a.refresh(), b.refresh()])
      expect(watched(a).now.space).toMatchObject({ files: 0 })
    }, { timeout: 60_000, interval: 300 })
    for (const tab of [a, b]) expect(await download(tab, (await tab.downloadFile(await idAt(tab, 'a second'))).url)).toBe('X'.repeat(300))
  })
})
