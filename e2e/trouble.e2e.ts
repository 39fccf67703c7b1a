import { expect, test, type Page } from '@playwright/test'
import { join } from 'node:path'
import { DiskBrowser, sha256 } from './support/browser.ts'
import { addFiles, connected, copyLink, download, removeForGood, stored } from './support/page.ts'
import { digest } from './support/real-files.ts'
import { freePort, RunningShoal } from './support/shoal.ts'

const LETTER = { name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from('Dear reader, '.repeat(300_000)) }

async function storeLetter(page: Page, hosts: number): Promise<string> {
  await connected(page, hosts)
  await addFiles(page, [LETTER])
  await stored(page, LETTER.name)
  return copyLink(page, LETTER.name)
}

test('a truncated, an edited and an unknown link each say what is wrong with them', async () => {
  const shoal = await RunningShoal.start({ hosts: 1 })
  const browser = await DiskBrowser.fresh()
  try {
    const page = await browser.open(shoal.url)
    const link = await storeLetter(page, 1)
    const last = link.at(-5) === 'A' ? 'B' : 'A'
    for (const broken of [link.slice(0, -3), `${link.slice(0, -5)}${last}${link.slice(-4)}`, `${link}AA`, `${shoal.url}/#/s/`]) {
      await page.goto('about:blank')
      await page.goto(broken)
      await expect(page.getByRole('heading', { name: 'This link is incomplete or was changed' })).toBeVisible({ timeout: 30_000 })
    }
    await page.goto(shoal.url)
    await removeForGood(page, LETTER.name)
    // The list forgets a file at once; its hosts are told as long as Shoal is open, or when it is opened again.
    await expect(async () => {
      await page.goto(shoal.url)
      await connected(page, 1)
      await page.goto('about:blank')
      await page.goto(link)
      await expect(page.getByRole('heading', { name: /^(letter\.txt|The owner has removed this file)$/ })).toBeVisible({ timeout: 60_000 })
      await expect(page.getByRole('heading', { name: 'The owner has removed this file' })).toBeVisible({ timeout: 100 })
    }).toPass({ timeout: 100_000 })
  } finally {
    await browser.close()
    await shoal.clean()
  }
})

test('a link whose hosts are away says how many pieces were found, and opens when they are back', async () => {
  test.setTimeout(400_000)
  const shoal = await RunningShoal.start({ hosts: 4 })
  const browser = await DiskBrowser.fresh()
  const reader = await DiskBrowser.fresh()
  try {
    const link = await storeLetter(await browser.open(shoal.url), 4)
    await browser.close()
    await shoal.killHosts([0, 1, 2])
    const page = await reader.open(link)
    await expect(page.getByRole('heading', { name: LETTER.name })).toBeVisible({ timeout: 60_000 })
    await page.getByRole('button', { name: 'Download' }).click()
    await expect(page.getByRole('heading', { name: /Only 4 of 16 pieces were found; 10 are needed/ })).toBeVisible({ timeout: 60_000 })

    await shoal.kill()
    const again = await RunningShoal.start({ hosts: 4, port: shoal.port, data: shoal.data })
    await connected(page, 4)
    expect(await sha256(await download(page, 'Download'))).toBe(digest(LETTER.buffer))
    await again.stop()
  } finally {
    await browser.close()
    await reader.close()
    await shoal.clean()
  }
})

test('a relay that does not answer is named, and the page goes on by itself when it is back', async () => {
  test.setTimeout(300_000)
  const shoal = await RunningShoal.start({ hosts: 1 })
  const browser = await DiskBrowser.fresh()
  try {
    const page = await browser.open(shoal.url)
    await connected(page, 1)
    await page.getByText('Relays', { exact: true }).click()
    const dead = `http://127.0.0.1:${String(await freePort())}`
    await page.getByLabel('Relay address').fill(dead)
    await page.getByRole('button', { name: 'Add relay' }).click()
    await expect(page.getByRole('listitem').filter({ hasText: dead })).toContainText('not answering')

    await shoal.stop()
    await expect(page.getByRole('alert').filter({ hasText: 'The relay does not answer' })).toBeVisible({ timeout: 60_000 })
    await expect(page.getByRole('status')).toHaveText('Connected to 0 peers, 0 hosts')
    const again = await RunningShoal.start({ hosts: 1, port: shoal.port, data: shoal.data })
    await connected(page, 1)
    await again.stop()
  } finally {
    await browser.close()
    await shoal.clean()
  }
})

test('hosts whose clock is five hours ahead still keep a file, and its link opens', async () => {
  test.setTimeout(300_000)
  const shoal = await RunningShoal.start({ hosts: 2, preload: join(import.meta.dirname, 'support/fast-clock.mjs') })
  const browser = await DiskBrowser.fresh()
  const reader = await DiskBrowser.fresh()
  try {
    const link = await storeLetter(await browser.open(shoal.url), 2)
    const page = await reader.open(link)
    await expect(page.getByRole('heading', { name: LETTER.name })).toBeVisible({ timeout: 60_000 })
    expect(await sha256(await download(page, 'Download'))).toBe(digest(LETTER.buffer))
  } finally {
    await browser.close()
    await reader.close()
    await shoal.clean()
  }
})
