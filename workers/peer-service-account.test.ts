import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { storageWorld, type StorageWorld } from '../core/testkit/storage-world.ts'
import type { AccountState } from './contract-account.ts'
import type { FileToAdd } from './contract.ts'
import type { PeerService } from './peer-service.ts'
import { download, rowOf, stored, TestBrowser, TestTabs, watched } from './testkit/test-browser.ts'

vi.setConfig({ testTimeout: 60_000 })

const letter: FileToAdd = { file: new File(['Dear reader, '.repeat(500)], 'letter.txt', { type: 'text/plain', lastModified: 1_700_000_000_000 }), path: 'post/letter.txt' }
const anna = { name: 'Anna', password: 'correct horse battery' }

describe('the account of a browser', () => {
  let world: StorageWorld
  const tabs = new TestTabs()
  beforeEach(async () => {
    world = await storageWorld(4)
  })
  afterEach(async () => {
    await tabs.close()
    world.close()
  })

  const open = (browser?: TestBrowser): PeerService => tabs.open(world, browser)

  async function reaches(tab: PeerService, met: (account: AccountState | undefined) => boolean, what: string): Promise<void> {
    const seen = watched(tab)
    await world.until(() => met(seen.now.account), what)
  }

  const synced = (account: AccountState | undefined): boolean => account?.kind === 'account' && account.synced && account.unsafe === 0

  it('is none at first, and nobody is welcomed twice', async () => {
    const browser = new TestBrowser(world)
    const tab = open(browser)
    await reaches(tab, (account) => account?.kind === 'none' && !account.tried, 'a welcome')
    await tab.tryWithout()
    await reaches(tab, (account) => account?.kind === 'none' && account.tried, 'no welcome')
    await tab.stop()
    await reaches(open(browser), (account) => account?.kind === 'none' && account.tried, 'no welcome after a restart')
  })

  it('keeps what was there before it, and opens with name and password, or with the words, where nothing was', async () => {
    const first = open()
    await first.add([letter], '')
    await stored(first, 'letter.txt', world)
    const words = await first.createAccount(anna.name, anna.password)
    expect(words).toHaveLength(24)
    await reaches(first, synced, 'everything on hosts')
    await first.stop()
    for (const given of [anna, { phrase: words.join(' ') }]) {
      const tab = open()
      await tab.signIn(given)
      await reaches(tab, (account) => account?.kind === 'account' && account.looked, 'a look at other devices')
      await vi.waitFor(async () => expect(await rowOf(tab, 'letter.txt')).toMatchObject({ status: { kind: 'elsewhere' }, path: ['post'] }), { timeout: 30_000 })
      const row = await rowOf(tab, 'letter.txt')
      expect(await download(tab, (await tab.downloadFile(row?.id ?? '')).url)).toBe(await letter.file.text())
      await reaches(tab, synced, 'its own head on hosts')
    }
  })

  it('refuses a wrong password and a weak one in words of their own', async () => {
    const first = open()
    await expect(first.createAccount('Anna', 'short')).rejects.toMatchObject({ kind: 'invalid', code: 'password.weak' })
    await first.createAccount(anna.name, anna.password)
    const second = open()
    await expect(second.signIn({ ...anna, password: 'another one' })).rejects.toMatchObject({ kind: 'absent', code: 'account.unknown' })
    await expect(second.signIn({ phrase: 'abandon abandon' })).rejects.toMatchObject({ kind: 'invalid', code: 'phrase.count' })
  })

  it('with another password goes on where it is signed in, and opens with the new one only', async () => {
    const first = open()
    await first.createAccount(anna.name, anna.password)
    await reaches(first, synced, 'a head')
    const second = open()
    await second.signIn(anna)
    await first.changePassword(anna.password, 'a better horse battery')
    await second.createFolder('', 'of the second')
    await vi.waitFor(
      async () => {
        await first.refresh()
        expect((await first.list({ kind: 'search', text: 'second' }, 0, 5)).total).toBe(1)
      },
      { timeout: 30_000, interval: 500 },
    )
    const third = open()
    await expect(third.signIn(anna)).rejects.toMatchObject({ kind: 'absent', code: 'account.closed' })
    await third.signIn({ ...anna, password: 'a better horse battery' })
  })

  it('leaves nothing behind in a browser that signs out, and the files come back with the next sign-in', async () => {
    const browser = new TestBrowser(world)
    const tab = open(browser)
    await tab.add([letter], '')
    await stored(tab, 'letter.txt', world)
    await tab.createAccount(anna.name, anna.password)
    await reaches(tab, synced, 'everything on hosts')
    await tab.signOut()
    await reaches(tab, (account) => account?.kind === 'none' && !account.tried, 'nobody')
    expect(await rowOf(tab, 'letter.txt')).toBeUndefined()
    const text = [...browser.lists.entries].map(([key, value]) => key + String.fromCharCode(...value)).join()
    expect(text).not.toMatch(/letter|Anna|post/)
    await tab.signIn(anna)
    await vi.waitFor(async () => expect(await rowOf(tab, 'letter.txt')).toBeDefined(), { timeout: 30_000 })
  })

  /** A second browser of the account, and what the first calls it. */
  async function twoDevices(first: PeerService): Promise<{ second: PeerService; browser: TestBrowser; id: string }> {
    const browser = new TestBrowser(world)
    await first.createAccount(anna.name, anna.password)
    await first.createFolder('', 'old')
    await reaches(first, synced, 'a head')
    const second = open(browser)
    await second.signIn(anna)
    await reaches(second, synced, 'a head of the second')
    let id = ''
    await vi.waitFor(
      async () => {
        await first.refresh()
        id = (await first.devices()).find(({ own }) => !own)?.id ?? ''
        expect(id).not.toBe('')
      },
      { timeout: 30_000, interval: 300 },
    )
    return { second, browser, id }
  }

  async function devicesOf(tab: PeerService, count: number): Promise<void> {
    await vi.waitFor(
      async () => {
        await tab.refresh()
        expect(await tab.devices()).toHaveLength(count)
      },
      { timeout: 30_000, interval: 300 },
    )
  }

  it('asked by another device to sign out, does so once hosts have all that it has, and is no device any more', async () => {
    const first = open()
    const { second, browser, id } = await twoDevices(first)
    await second.stop()
    await first.signOutDevice(id)
    expect((await first.devices()).find(({ own }) => !own)).toMatchObject({ asked: true })
    await reaches(first, synced, 'the wish on hosts')
    const again = open(browser)
    await again.add([letter], '')
    await reaches(again, (account) => account?.kind === 'none' && !account.tried, 'nobody')
    expect([...browser.lists.entries.keys()].join()).not.toMatch(/account|drive/)
    await devicesOf(first, 1)
    expect((await rowOf(first, 'letter.txt'))?.path).toEqual(['post'])
    expect(await download(first, (await first.downloadFile((await rowOf(first, 'letter.txt'))?.id ?? '')).url)).toBe(await letter.file.text())
    await expect(first.signOutDevice(id)).rejects.toMatchObject({ kind: 'absent', code: 'device.unknown' })
  })

  it('signing out tells the other devices that it is gone', async () => {
    const first = open()
    const { second } = await twoDevices(first)
    await second.signOut()
    await devicesOf(first, 1)
  })

  it('that died while it signed out does so at its next start', async () => {
    const first = open()
    const { second, browser } = await twoDevices(first)
    await second.signOut()
    await second.signIn(anna)
    await reaches(second, synced, 'a head of the second')
    browser.failsToErase = true
    await second.signOut().catch(() => undefined)
    await second.stop()
    expect([...browser.lists.entries.keys()].join()).toMatch(/account/)
    browser.failsToErase = false
    await reaches(open(browser), (account) => account?.kind === 'none', 'nobody')
  })
})
