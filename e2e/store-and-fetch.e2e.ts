import { expect, test } from '@playwright/test'
import { rm } from 'node:fs/promises'
import { DiskBrowser, sha256 } from './support/browser.ts'
import { addFiles, connected, copyLink, download, row, stored } from './support/page.ts'
import { digest, empty, jpeg, json, randomFile } from './support/real-files.ts'
import { newFolder, RunningShoal } from './support/shoal.ts'

test('files stored on 16 hosts open in a new browser after the tab and six hosts are gone', async () => {
  test.setTimeout(600_000)
  const shoal = await RunningShoal.start({ hosts: 16 })
  const folder = await newFolder()
  const writer = await DiskBrowser.fresh()
  const reader = await DiskBrowser.fresh()
  try {
    const page = await writer.open(shoal.url)
    await connected(page, 16)
    const big = await randomFile(folder, 'big.bin', 64 * 2 ** 20)
    const small = [await jpeg(page), await json(), empty]
    await addFiles(page, [big])
    await addFiles(page, small)

    const links = new Map<string, string>()
    for (const name of ['big.bin', ...small.map((file) => file.name)]) {
      await stored(page, name)
      // A file of up to 1 KiB is kept whole on each host; of others any 10 of 16 pieces are needed.
      const survives = name === empty.name ? 15 : 6
      await expect(row(page, name)).toContainText(`Safe · survives ${String(survives)} of 16 hosts leaving`)
      links.set(name, await copyLink(page, name))
    }
    await writer.close()
    await shoal.killHosts([0, 3, 5, 8, 11, 14])

    const digests = new Map(small.map((file) => [file.name, digest(file.buffer)]))
    digests.set('big.bin', await sha256(big))
    const other = await reader.open(shoal.url)
    for (const [name, link] of links) {
      await other.goto('about:blank')
      await other.goto(link)
      await expect(other.getByRole('heading', { name, exact: true })).toBeVisible({ timeout: 60_000 })
      expect(await sha256(await download(other, 'Download'))).toBe(digests.get(name))
    }
  } finally {
    await writer.close()
    await reader.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
  }
})
