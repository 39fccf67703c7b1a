import { expect, test, type Page } from '@playwright/test'
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { PROBES } from '../core/base/wasm.ts'
import { DiskBrowser } from './support/browser.ts'
import { addFiles, connected, copyLink, download, stored } from './support/page.ts'
import { RunningShoal } from './support/shoal.ts'

test('a browser without SIMD stores a file, and one with it reads that by its link', async () => {
  const shoal = await RunningShoal.start({ hosts: 2 })
  const old = await DiskBrowser.fresh()
  const current = await DiskBrowser.fresh()
  try {
    const page = await old.open(shoal.url, { args: ['--js-flags=--no-enable-sse4-1'] })
    expect(await hasSimd(page)).toBe(false)
    await connected(page, 2)
    const buffer = Buffer.concat([randomBytes(5 * 2 ** 20), Buffer.alloc(2 ** 20, 'text that shrinks ')])
    await addFiles(page, [{ name: 'file.bin', mimeType: 'application/octet-stream', buffer }])
    await stored(page, 'file.bin')
    const link = await copyLink(page, 'file.bin')
    await page.reload()
    await connected(page, 2)
    expect(buffer.equals(await readFile(await download(page, 'Download file.bin')))).toBe(true)

    const other = await current.open(link)
    expect(await hasSimd(other)).toBe(true)
    expect(buffer.equals(await readFile(await download(other, 'Download')))).toBe(true)
  } finally {
    for (const browser of [old, current]) {
      await browser.close()
      await rm(browser.folder, { recursive: true, force: true })
    }
    await shoal.clean()
  }
})

/** What the peer asks a browser before it takes a kernel. */
function hasSimd(page: Page): Promise<boolean> {
  return page.evaluate((probe) => WebAssembly.validate(Uint8Array.from(probe)), [...PROBES.simd])
}
