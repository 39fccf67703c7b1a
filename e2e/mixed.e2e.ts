import { expect, test, type Page } from '@playwright/test'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from './support/browser.ts'
import { addFiles, connected, download, noCopies, row } from './support/page.ts'
import { randomFile } from './support/real-files.ts'
import { newFolder, RunningShoal } from './support/shoal.ts'
import { leave, Tabs } from './support/tabs.ts'

// A trace films every tab.
test.use({ trace: 'off' })

const MIB = 2 ** 20
/** How long a store may take whose hosts leave in its midst: they get 20 s to come back before others get what they had, on a machine that may be busy. */
const AWAY = 200_000

/** From now on the browser grants this tab's origin so many bytes in all. */
async function limitSpace(page: Page, quotaSize: number): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(page.url()).origin, quotaSize })
}

/** Bytes of the shards that a host on Node keeps. */
async function heldBy(folder: string): Promise<number> {
  const entries = await readdir(join(folder, 'shards'), { recursive: true, withFileTypes: true })
  const sizes = entries.filter((entry) => entry.isFile()).map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

test('a store ends safe while hosts of both kinds are full, and tabs come and go', async () => {
  test.setTimeout(600_000)
  // One tenant gets half of a host's space, less than its share of this file.
  const shoal = await RunningShoal.start({ hosts: 2, space: '6MiB' })
  const folder = await newFolder()
  const tabs = await Tabs.launch()
  try {
    const early = await tabs.hosts(shoal.url, 6)
    await limitSpace(early[0]!, 4 * MIB)
    const owner = await tabs.open(shoal.url)
    await connected(owner, 8)
    await noCopies(owner)
    const file = await randomFile(folder, 'mixed.bin', 32 * MIB)
    await addFiles(owner, [file])
    await expect(row(owner, 'mixed.bin')).toContainText(/Storing [1-9]\d?%/, { timeout: 60_000 })
    await Promise.all([leave(early.slice(1, 3)), tabs.hosts(shoal.url, 2)])

    await expect(row(owner, 'mixed.bin')).toContainText(/Safe · survives \d+ of \d+ hosts leaving/, { timeout: AWAY })
    expect(await sha256(await download(owner, 'Download mixed.bin'))).toBe(await sha256(file))
    // Full: an equal share of 51 MiB among 8 hosts is 6.4 MiB.
    for (const number of [0, 1]) {
      const held = await heldBy(shoal.hostFolder(number))
      expect(held).toBeGreaterThan(MIB)
      expect(held).toBeLessThanOrEqual(3 * MIB)
    }
  } finally {
    await tabs.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
  }
})
