import { expect, test, type Page } from '@playwright/test'
import { rm } from 'node:fs/promises'
import { sha256 } from './support/browser.ts'
import { links, type Link } from './support/links.ts'
import { addFiles, connected, copyLink, download, noCopies, row, stored } from './support/page.ts'
import { digest, empty, jpeg, json, randomFile } from './support/real-files.ts'
import { newFolder, RunningShoal } from './support/shoal.ts'
import { leave, MISSED_WITHIN, Tabs } from './support/tabs.ts'

// A trace films every tab, and there are up to 19.
test.use({ trace: 'off' })

const MIB = 2 ** 20

/** Opens a link in a page of somebody else, downloads the file, and gives the SHA-256 of what arrived. */
async function fetchLink(page: Page, link: string, name: string): Promise<string> {
  await page.goto('about:blank')
  await page.goto(link)
  await expect(page.getByRole('heading', { name, exact: true })).toBeVisible({ timeout: 60_000 })
  return sha256(await download(page, 'Download'))
}

function received(all: readonly Link[]): number {
  return all.reduce((sum, link) => sum + link.received, 0)
}

test('files stored on 16 tabs, with no host but tabs, open in a new browser after their owner and six of the tabs are gone', async () => {
  test.setTimeout(600_000)
  const shoal = await RunningShoal.start({ hosts: 0 })
  const folder = await newFolder()
  const tabs = await Tabs.launch()
  try {
    const hosts = await tabs.hosts(shoal.url, 16)
    const owner = await tabs.open(shoal.url)
    await connected(owner, 16, 120_000)
    const big = await randomFile(folder, 'big.bin', 64 * MIB)
    const small = [await jpeg(owner), await json(), empty]
    await addFiles(owner, [big])
    await addFiles(owner, small)

    const found = new Map<string, string>()
    for (const name of ['big.bin', ...small.map((file) => file.name)]) {
      await stored(owner, name)
      // A file of up to 1 KiB is kept whole on each host; of others any 10 of 16 pieces are needed.
      const survives = name === empty.name ? 15 : 6
      await expect(row(owner, name)).toContainText(`Safe · survives ${String(survives)} of 16 hosts leaving`)
      found.set(name, await copyLink(owner, name))
    }
    await leave([owner, ...[0, 3, 5, 8, 11, 14].map((i) => hosts[i]!)])

    const digests = new Map(small.map((file) => [file.name, digest(file.buffer)]))
    digests.set('big.bin', await sha256(big))
    const reader = await tabs.open(shoal.url)
    for (const [name, link] of found) expect(await fetchLink(reader, link, name)).toBe(digests.get(name))
  } finally {
    await tabs.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
  }
})

test('a tab finds hosts that came a moment ago, and misses one that is closed at once', async () => {
  const shoal = await RunningShoal.start({ hosts: 0 })
  const tabs = await Tabs.launch()
  try {
    const hosts = await tabs.hosts(shoal.url, 3)
    const owner = await tabs.open(shoal.url)
    await connected(owner, 3)
    await leave([hosts[0]!])
    await connected(owner, 2, MISSED_WITHIN)
  } finally {
    await tabs.close()
    await shoal.clean()
  }
})

test('tabs that have met go on without the relay over direct links, and new ones join as soon as it is back', async () => {
  const shoal = await RunningShoal.start({ hosts: 0 })
  const folder = await newFolder()
  const tabs = await Tabs.launch()
  try {
    await tabs.hosts(shoal.url, 3)
    const owner = await tabs.open(shoal.url)
    await connected(owner, 3)
    await noCopies(owner)
    const file = await randomFile(folder, 'while-away.bin', 16 * MIB)
    await addFiles(owner, [file])
    await stored(owner, 'while-away.bin')
    const link = await copyLink(owner, 'while-away.bin')

    await shoal.stop()
    const before = received(await links(owner))
    expect(await sha256(await download(owner, 'Download while-away.bin'))).toBe(await sha256(file))
    const after = await links(owner)
    const live = after.filter(({ state }) => state === 'connected')
    expect(live.length).toBeGreaterThanOrEqual(3)
    for (const { local, remote } of live) {
      expect(['host', 'prflx']).toContain(local)
      expect(['host', 'prflx']).toContain(remote)
    }
    expect(received(after) - before).toBeGreaterThan(16 * MIB)

    const again = await RunningShoal.start({ hosts: 0, port: shoal.port, data: shoal.data })
    try {
      const reader = await tabs.open(again.url)
      await connected(reader, 3)
      expect(await fetchLink(reader, link, 'while-away.bin')).toBe(await sha256(file))
    } finally {
      await again.clean()
    }
  } finally {
    await tabs.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
  }
})
