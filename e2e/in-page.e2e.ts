import { expect, test, type Browser, type BrowserContext } from '@playwright/test'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { links } from './support/links.ts'
import { addFiles, connected, download, noCopies, stored } from './support/page.ts'
import { RunningShoal } from './support/shoal.ts'
import { MISSED_WITHIN, openHostTab } from './support/tabs.ts'

/** A browser that cannot hand a data channel to a worker, as Firefox. */
function withoutTransfer(): void {
  const clone = globalThis.structuredClone
  globalThis.structuredClone = ((value: unknown, options?: StructuredSerializeOptions) => {
    if (value instanceof RTCDataChannel) throw new DOMException('no', 'DataCloneError')
    return clone(value, options)
  })
}

/** A browser of which every page is so. */
async function withoutTransferIn(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext()
  await context.addInitScript(withoutTransfer)
  return context
}

test.describe('a browser that cannot hand data channels to workers', () => {
  let shoal: RunningShoal
  test.beforeAll(async () => {
    shoal = await RunningShoal.start({ hosts: 2 })
  })
  test.afterAll(() => shoal.clean())

  test('runs the peer in the page: it stores a file, and has it again after a reload', async ({ page }) => {
    await page.addInitScript(withoutTransfer)
    await page.goto(shoal.url)
    await connected(page, 2)
    await noCopies(page)
    expect(page.workers().map((worker) => new URL(worker.url()).pathname).join()).not.toContain('peer-worker')
    const buffer = randomBytes(5 * 2 ** 20)
    await addFiles(page, [{ name: 'five.bin', mimeType: 'application/octet-stream', buffer }])
    await stored(page, 'five.bin')
    await page.reload()
    await connected(page, 2)
    expect(page.workers().some((worker) => worker.url().includes('storage-worker'))).toBe(true)
    expect((await readFile(await download(page, 'Download five.bin'))).equals(buffer)).toBe(true)
  })

  test('hosts for another of its kind, over a direct link, until its tab is closed', async ({ browser }) => {
    const tabs = await RunningShoal.start({ hosts: 0 })
    const [one, other] = [await withoutTransferIn(browser), await withoutTransferIn(browser)]
    try {
      const hosting = await openHostTab(one, tabs.url)
      const owner = await other.newPage()
      await owner.goto(tabs.url)
      await connected(owner, 1)
      await noCopies(owner)
      for (const page of [hosting, owner]) expect(page.workers().map((worker) => worker.url()).join()).not.toContain('peer-worker')
      const buffer = randomBytes(5 * 2 ** 20)
      await addFiles(owner, [{ name: 'five.bin', mimeType: 'application/octet-stream', buffer }])
      await stored(owner, 'five.bin')
      expect((await readFile(await download(owner, 'Download five.bin'))).equals(buffer)).toBe(true)
      expect((await links(owner)).filter(({ state }) => state === 'connected')).toHaveLength(1)
      await hosting.close()
      await expect(owner.getByRole('status')).toHaveText(/, 0 hosts/, { timeout: MISSED_WITHIN })
    } finally {
      await one.close()
      await other.close()
      await tabs.clean()
    }
  })
})
