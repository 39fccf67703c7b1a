import { expect, test, type Page } from '@playwright/test'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DiskBrowser } from './support/browser.ts'
import { addFiles, connected, download, stored } from './support/page.ts'
import { RunningShoal } from './support/shoal.ts'
import { host } from './support/tabs.ts'

const NOTE = { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('as it was before the update') }
const UPDATE = { name: 'Update to the new version' }

/** What a Shoal is started with so that its page is a newer version than the one of the same build. */
const NEW_VERSION = join(import.meta.dirname, 'support/new-version.mjs')

test('[U1] a new version is taken by all tabs together, which keep their files and go on hosting', async () => {
  let shoal = await RunningShoal.start({ hosts: 1 })
  const browser = await DiskBrowser.fresh()
  try {
    const leader = await browser.open(shoal.url)
    await connected(leader, 1)
    await addFiles(leader, [NOTE])
    await stored(leader, NOTE.name)
    await host(leader)
    await leader.evaluate(() => navigator.serviceWorker.ready.then(() => true))
    const follower = await leader.context().newPage()
    await follower.goto(shoal.url)
    await stored(follower, NOTE.name)
    await shoal.kill()
    shoal = await RunningShoal.start({ hosts: 1, port: shoal.port, data: shoal.data, preload: NEW_VERSION })
    // Browsers look for a newer service worker whenever a page of it is opened.
    await follower.reload()
    for (const page of [leader, follower]) await expect(page.getByRole('button', UPDATE)).toBeVisible({ timeout: 30_000 })
    await Promise.all([loadedAgain(leader), loadedAgain(follower), follower.getByRole('button', UPDATE).click()])
    for (const page of [leader, follower]) {
      await connected(page, 1)
      await stored(page, NOTE.name)
      await expect(page.getByRole('button', UPDATE)).toHaveCount(0)
      await expect(page.getByRole('switch', { name: 'Host for others' })).toBeChecked()
    }
    await download(leader, `Download ${NOTE.name}`)
  } finally {
    await browser.close()
    await shoal.clean()
    await rm(browser.folder, { recursive: true, force: true })
  }
})

test('a page that nobody loads anew hears of a new version within an hour', async () => {
  let shoal = await RunningShoal.start({ hosts: 0 })
  const browser = await DiskBrowser.fresh()
  try {
    const page = await browser.open('about:blank')
    await page.clock.install()
    await page.goto(shoal.url)
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => true))
    // The first worker takes the page over; until then nothing of it is old.
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
    await shoal.kill()
    shoal = await RunningShoal.start({ hosts: 0, port: shoal.port, data: shoal.data, preload: NEW_VERSION })
    await page.clock.fastForward('59:00')
    await expect(page.getByRole('button', UPDATE)).toHaveCount(0)
    await page.clock.fastForward('02:00')
    await expect(page.getByRole('button', UPDATE)).toBeVisible({ timeout: 30_000 })
  } finally {
    await browser.close()
    await shoal.clean()
    await rm(browser.folder, { recursive: true, force: true })
  }
})

async function loadedAgain(page: Page): Promise<void> {
  await page.waitForEvent('load', { timeout: 60_000 })
}
