import { expect, test } from '@playwright/test'
import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DiskBrowser, sha256 } from './support/browser.ts'
import { addFiles, connected, download, noCopies, row, stored } from './support/page.ts'
import { randomFile } from './support/real-files.ts'
import { newFolder, RunningShoal } from './support/shoal.ts'

test('damaged and deleted pieces on hosts do not reach the reader, and the row says which hosts failed', async () => {
  test.setTimeout(480_000)
  const shoal = await RunningShoal.start({ hosts: 16 })
  const folder = await newFolder()
  const browser = await DiskBrowser.fresh()
  try {
    const page = await browser.open(shoal.url)
    await connected(page, 16)
    await noCopies(page)
    const big = await randomFile(folder, 'album.bin', 24 * 2 ** 20)
    await addFiles(page, [big])
    await stored(page, 'album.bin')
    await expect(row(page, 'album.bin')).toContainText('Safe · survives 6 of 16 hosts leaving')

    for (const host of [0, 1, 2]) for (const path of await shards(shoal.hostFolder(host))) await flipByte(path)
    for (const host of [3, 4]) for (const path of await shards(shoal.hostFolder(host))) await rm(path)

    expect(await sha256(await download(page, 'Download album.bin'))).toBe(await sha256(big))
    await expect(row(page, 'album.bin')).toContainText(/\d hosts? gave back damaged or missing pieces/, { timeout: 60_000 })
    await expect(row(page, 'album.bin')).toContainText(/Safe · survives [1-5] of 16 hosts leaving/)
  } finally {
    await browser.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
  }
})

/** The files of pieces that a host keeps: everything big below its folder of shards. */
async function shards(host: string): Promise<string[]> {
  const folder = join(host, 'shards')
  const found: string[] = []
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    const facts = await stat(path)
    if (facts.isFile() && facts.size > 100_000) found.push(path)
  }
  expect(found.length).toBeGreaterThan(0)
  return found
}

async function flipByte(path: string): Promise<void> {
  const file = await open(path, 'r+')
  const at = 1234
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
  await file.write(Buffer.from([(buffer[0] ?? 0) ^ 0x40]), 0, 1, at)
  await file.close()
}
