import { expect, test, type Page } from '@playwright/test'
import { readdir, readFile, rm } from 'node:fs/promises'
import { DiskBrowser, sha256 } from './support/browser.ts'
import { addFiles, connected, download, noCopies, row, stored } from './support/page.ts'
import { randomFile } from './support/real-files.ts'
import { newFolder, RunningShoal } from './support/shoal.ts'

/** Bytes read before the leader goes: the stream has far more, and waits. */
const IN_THE_MIDDLE = 8 * 2 ** 20
const SIZE = 64 * 2 ** 20

test.describe('two tabs of one browser', () => {
  let shoal: RunningShoal
  let browser: DiskBrowser
  let folder: string
  let leader: Page
  let follower: Page

  test.beforeEach(async () => {
    shoal = await RunningShoal.start({ hosts: 2 })
    browser = await DiskBrowser.fresh()
    folder = await newFolder()
    leader = await browser.open(shoal.url)
    await connected(leader, 2)
    await leader.evaluate(() => navigator.serviceWorker.ready.then(() => true))
    follower = await leader.context().newPage()
    await follower.goto(shoal.url)
    await connected(follower, 2)
    await noCopies(follower)
  })
  test.afterEach(async () => {
    await browser.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
  })

  for (const [how, end] of [
    ['closed', (page) => page.close()],
    ['killed', kill],
    ['frozen', freeze],
  ] satisfies [string, (page: Page) => Promise<unknown>][]) {
    test(`a download goes on in the other one when the leader is ${how}`, async () => {
      test.setTimeout(480_000)
      const big = await randomFile(folder, 'film.bin', SIZE)
      await addFiles(leader, [big])
      await stored(leader, 'film.bin')
      await expect(row(follower, 'film.bin')).toContainText('survives')
      const url = await startedDownload(follower, 'film.bin')
      await readSome(follower, url, IN_THE_MIDDLE)
      await end(leader)
      expect(await readRest(follower)).toBe(await sha256(big))
      await connected(follower, 2)
      expect(await sha256(await download(follower, 'Download film.bin'))).toBe(await sha256(big))
    })
  }

  test('a leader that was frozen follows when it wakes: it shows what came meanwhile, and what it adds is stored', async () => {
    expect([leader, follower].map(runsPeer)).toEqual([true, false])
    const wake = await freeze(leader)
    await expect.poll(() => runsPeer(follower), { timeout: 60_000 }).toBe(true)
    await addFiles(follower, [{ name: 'meanwhile.txt', mimeType: 'text/plain', buffer: Buffer.from('while it slept') }])
    await stored(follower, 'meanwhile.txt')
    wake()
    await stored(leader, 'meanwhile.txt')
    await addFiles(leader, [{ name: 'afterwards.txt', mimeType: 'text/plain', buffer: Buffer.from('awake again') }])
    await stored(leader, 'afterwards.txt')
    await stored(follower, 'afterwards.txt')
    expect([leader, follower].map(runsPeer)).toEqual([false, true])
  })
})

/** Presses Download, waits until it has begun, and returns where from. */
async function startedDownload(page: Page, name: string): Promise<string> {
  const begun = page.waitForEvent('download')
  await page.getByRole('button', { name: `Download ${name}`, exact: true }).click()
  return (await begun).url()
}

interface Reading {
  reading: { readonly reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>; readonly parts: Uint8Array<ArrayBuffer>[] }
}

/** Reads `bytes` of what is served at `url`, and then no more. */
async function readSome(page: Page, url: string, bytes: number): Promise<void> {
  await page.evaluate(
    async ({ url, bytes }) => {
      const reader = (await fetch(url)).body?.getReader() as ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>
      const parts: Uint8Array<ArrayBuffer>[] = []
      for (let read = 0; read < bytes; ) {
        const { value } = await reader.read()
        if (value === undefined) throw new Error('the stream ended early')
        read += value.length
        parts.push(value)
      }
      Object.assign(globalThis, { reading: { reader, parts } })
    },
    { url, bytes },
  )
}

/** Reads the rest; the SHA-256 of all of it. */
function readRest(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const { reader, parts } = (globalThis as unknown as Reading).reading
    for (;;) {
      const { value } = await reader.read()
      if (value === undefined) break
      parts.push(value)
    }
    const hash = await crypto.subtle.digest('SHA-256', await new Blob(parts).arrayBuffer())
    return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  })
}

/** Ends the process of the tab that runs the peer. */
async function kill(page: Page): Promise<void> {
  const pid = await peerProcess(page)
  const crashed = page.waitForEvent('crash')
  process.kill(pid, 'SIGKILL')
  await crashed
}

/** Halts the process of the tab that runs the peer: tab and workers fall silent and keep what they hold, as when a browser freezes them. Resolves to how to wake it. */
async function freeze(page: Page): Promise<() => void> {
  const pid = await peerProcess(page)
  process.kill(pid, 'SIGSTOP')
  return () => process.kill(pid, 'SIGCONT')
}

/** Whether this tab is the one that runs the peer. */
function runsPeer(page: Page): boolean {
  return page.workers().some((worker) => worker.url().includes('peer-worker'))
}

/** The process in which the peer worker runs: threads are named after what they do. */
async function peerProcess(page: Page): Promise<number> {
  const browser = page.context().browser()
  if (browser === null) throw new Error('no browser')
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as { processInfo: { type: string; id: number }[] }
  const found: number[] = []
  for (const { type, id } of processInfo) {
    if (type === 'renderer' && (await threads(id)).includes('DedicatedWorker')) found.push(id)
  }
  const [pid] = found
  if (pid === undefined || found.length > 1) throw new Error(`one process should run the peer, not ${String(found.length)}`)
  return pid
}

async function threads(pid: number): Promise<string[]> {
  const names = (await readdir(`/proc/${String(pid)}/task`)).map((task) => readFile(`/proc/${String(pid)}/task/${task}/comm`, 'utf8').catch(() => ''))
  return (await Promise.all(names)).map((name) => name.trim())
}
