import { expect, test } from '@playwright/test'
import { rm } from 'node:fs/promises'
import { DiskBrowser, sha256 } from './support/browser.ts'
import { addFiles, connected, download, row, stored } from './support/page.ts'
import { randomFile } from './support/real-files.ts'
import { newFolder, RunningShoal } from './support/shoal.ts'

/** Kill when the row says at least this much is stored: twice early, and near the end, when all of it may be sealed already. */
const KILL_AT = [3, 20, 75]
/** So large that at the first two kills not all of it can be sealed yet: two thirds of its 384 MiB of shards may wait for hosts (256 MiB). */
const SIZE = 192 * 2 ** 20
const ASK = 'Add this file again to go on'

test('a browser killed in the middle of an upload goes on where it was and sends no acknowledged piece twice', async () => {
  test.setTimeout(900_000)
  const shoal = await RunningShoal.start({ hosts: 4 })
  const folder = await newFolder()
  const browser = await DiskBrowser.fresh()
  try {
    const big = await randomFile(folder, 'film.bin', SIZE)
    let page = await browser.open(shoal.url)
    await connected(page, 4)
    await addFiles(page, [big])
    let asked = 0
    for (const percent of KILL_AT) {
      await expect.poll(() => percentOf(page), { timeout: 240_000, intervals: [20] }).toBeGreaterThanOrEqual(percent)
      await browser.kill()
      page = await browser.open(shoal.url)
      // What was sealed is finished without the file; then the page asks for the rest of it.
      await expect(row(page, 'film.bin')).toContainText(new RegExp(`${ASK}|survives`), { timeout: 120_000 })
      // The last pieces that were shown as stored may not have been noted on disk yet; they are sealed, so they need no file.
      await expect.poll(() => percentOf(page)).toBeGreaterThanOrEqual(percent)
      await connected(page, 4)
      if ((await row(page, 'film.bin').textContent())?.includes(ASK) !== true) continue
      asked++
      await addFiles(page, [big])
    }
    expect(asked).toBeGreaterThanOrEqual(2)
    await stored(page, 'film.bin')
    expect(shoal.sentTwice()).toEqual([])
    expect(await sha256(await download(page, 'Download film.bin'))).toBe(await sha256(big))
  } finally {
    await browser.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
  }

  async function percentOf(page: Awaited<ReturnType<DiskBrowser['open']>>): Promise<number> {
    const text = (await row(page, 'film.bin').textContent()) ?? ''
    return text.includes('survives') ? 100 : Number(/Storing (\d+)%/.exec(text)?.[1] ?? 0)
  }
})
