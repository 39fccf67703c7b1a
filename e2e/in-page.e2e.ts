import { expect, test } from '@playwright/test'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { addFiles, connected, download, stored } from './support/page.ts'
import { RunningShoal } from './support/shoal.ts'

/** A browser that cannot hand a data channel to a worker, as Firefox. */
function withoutTransfer(): void {
  const clone = globalThis.structuredClone
  globalThis.structuredClone = ((value: unknown, options?: StructuredSerializeOptions) => {
    if (value instanceof RTCDataChannel) throw new DOMException('no', 'DataCloneError')
    return clone(value, options)
  })
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
    expect(page.workers().map((worker) => new URL(worker.url()).pathname).join()).not.toContain('peer-worker')
    const buffer = randomBytes(5 * 2 ** 20)
    await addFiles(page, [{ name: 'five.bin', mimeType: 'application/octet-stream', buffer }])
    await stored(page, 'five.bin')
    await page.reload()
    await connected(page, 2)
    expect(page.workers().some((worker) => worker.url().includes('storage-worker'))).toBe(true)
    expect((await readFile(await download(page, 'Download five.bin'))).equals(buffer)).toBe(true)
  })
})
