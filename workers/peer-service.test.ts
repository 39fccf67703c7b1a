import { wrap } from 'comlink'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { storageWorld, type StorageWorld } from '../core/testkit/storage-world.ts'
import type { FileToAdd, PeerContract } from './contract.ts'
import type { PeerRealm } from './peer-realm.ts'
import { PeerService } from './peer-service.ts'
import { download, stored, TestBrowser, watched } from './testkit/test-browser.ts'

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

  it('answers with a first snapshot before anything is loaded', async () => {
    const service = new PeerService({ ...({ openAccountTools: () => undefined } as unknown as PeerRealm), clock: world.shards.clock, random: world.shards.random }, { mode: 'full', relays: [] })
    expect(watched(service).now).toMatchObject({ phase: 'starting', peers: 0 })
  })

  it('stores a file, serves it as a download, and opens its link in a browser that was never here', async () => {
    const tab = browser.tab()
    await tab.add([letter], '')
    const id = await stored(tab, 'letter.txt', world)
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
    await stored(first, 'letter.txt', world)
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
    const id = await stored(first, 'letter.txt', world)
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
    await stored(tab, 'letter.txt', world)
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
    await stored(tab, 'letter.txt', world)
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
    await stored(tab, 'letter.txt', world)
    const other = new TestBrowser(world).tab()
    expect(await other.restoreBackup(await tab.backup())).toBe(1)
    const id = await stored(other, 'letter.txt', world)
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
    await stored(next, 'letter.txt', world)
    await next.stop()
  })

  it('answers aborted to all that waits when it is stopped', async () => {
    const tab = browser.tab()
    const adding = tab.link('nothing')
    await tab.stop()
    await expect(adding).rejects.toMatchObject({ kind: 'aborted' })
  })
})
