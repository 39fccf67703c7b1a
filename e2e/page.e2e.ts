import { expect, test } from '@playwright/test'
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { DiskBrowser, sha256 } from './support/browser.ts'
import { addFiles, connected, copyLink, download, removeForGood, row, stored } from './support/page.ts'
import { digest, randomFile } from './support/real-files.ts'
import { newFolder, RunningShoal } from './support/shoal.ts'

const NOTE = { name: 'note.txt', mimeType: 'text/plain', buffer: randomBytes(200_000) }

test.describe('the page', () => {
  let shoal: RunningShoal
  let browser: DiskBrowser

  test.beforeEach(async () => {
    shoal = await RunningShoal.start({ hosts: 2 })
    browser = await DiskBrowser.fresh()
  })

  test.afterEach(async () => {
    await browser.close()
    await shoal.clean()
  })

  test('keeps its list over a reload, and the shell opens while the server is away', async () => {
    const page = await browser.open(shoal.url)
    await connected(page, 2)
    await addFiles(page, [NOTE])
    await stored(page, NOTE.name)
    await page.reload()
    await stored(page, NOTE.name)
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
    await shoal.kill()
    await page.reload()
    await expect(row(page, NOTE.name)).toContainText('Stored ·')
    await expect(page.getByRole('status')).toHaveText('Connected to 0 peers, 0 hosts')
  })

  test('copies all files with their folders into a folder of the computer', async () => {
    const page = await browser.open('about:blank')
    // A folder of the browser's own stands in the place of one of the computer: nobody answers the question for one here.
    await page.addInitScript(() => {
      Object.assign(globalThis, { showDirectoryPicker: async () => (await navigator.storage.getDirectory()).getDirectoryHandle('computer', { create: true }) })
    })
    await page.goto(shoal.url)
    await connected(page, 2)
    await addFiles(page, [NOTE])
    await page.getByRole('button', { name: 'New folder' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Work')
    await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
    await page.getByRole('link', { name: 'Work', exact: true }).click()
    const inside = { ...NOTE, name: 'inside.bin', buffer: randomBytes(3_000_000) }
    await addFiles(page, [inside])
    await stored(page, inside.name)
    await page.getByRole('button', { name: 'Export to a folder' }).click()
    await expect(page.getByText(/^2 files copied into the new folder “Shoal \d{4}-\d\d-\d\d”\.$/)).toBeVisible()
    const copies = await page.evaluate(async () => {
      const found: Record<string, string> = {}
      const walk = async (folder: FileSystemDirectoryHandle, path: string): Promise<void> => {
        for await (const [name, handle] of folder.entries()) {
          if (handle.kind === 'directory') await walk(handle, `${path}${name}/`)
          else {
            const digest = await crypto.subtle.digest('SHA-256', await (await (handle).getFile()).arrayBuffer())
            found[path + name] = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
          }
        }
      }
      const computer = await (await navigator.storage.getDirectory()).getDirectoryHandle('computer')
      for await (const folder of computer.values()) await walk(folder as FileSystemDirectoryHandle, '')
      return found
    })
    expect(copies).toEqual({ [NOTE.name]: digest(NOTE.buffer), 'Work/inside.bin': digest(inside.buffer) })
  })

  test('brings a list back from its backup in another browser, which can then remove the file for good', async () => {
    const page = await browser.open(shoal.url)
    await connected(page, 2)
    await addFiles(page, [NOTE])
    await stored(page, NOTE.name)
    const link = await copyLink(page, NOTE.name)
    const saving = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Back up this list' }).click()
    const saved = await (await saving).path()
    const backup = { name: 'list.shoal', mimeType: 'application/octet-stream', buffer: await readFile(saved) }
    await browser.close()

    const second = await DiskBrowser.fresh()
    const other = await second.open(shoal.url)
    await connected(other, 2)
    await other.getByLabel('Restore a list').setInputFiles(backup)
    await stored(other, NOTE.name)
    expect(await sha256(await download(other, `Download ${NOTE.name}`))).toBe(digest(NOTE.buffer))
    await removeForGood(other, NOTE.name)
    await expect(other.getByText('0 bytes in your files')).toBeVisible()
    await other.goto('about:blank')
    await other.goto(link)
    await expect(other.getByRole('heading', { name: 'The owner has removed this file' })).toBeVisible({ timeout: 60_000 })
    await second.close()
  })

  test('cancels a file while it is stored, and the hosts get their room back', async () => {
    const folder = await newFolder()
    const page = await browser.open(shoal.url)
    await connected(page, 2)
    await addFiles(page, [await randomFile(folder, 'huge.bin', 200 * 2 ** 20)])
    await expect(row(page, 'huge.bin')).toContainText(/Storing ([2-9]|\d\d)%/, { timeout: 60_000 })
    await page.getByRole('button', { name: 'Cancel huge.bin' }).click()
    await expect(row(page, 'huge.bin')).toHaveCount(0)
    await expect(page.getByText('0 bytes used on hosts')).toBeVisible({ timeout: 60_000 })
    await rm(folder, { recursive: true })
  })

  test('shows the same in a second tab of the same browser, which takes over when the first is closed', async () => {
    const page = await browser.open(shoal.url)
    await connected(page, 2)
    await addFiles(page, [NOTE])
    await stored(page, NOTE.name)
    const second = await page.context().newPage()
    await second.goto(shoal.url)
    await connected(second, 2)
    await stored(second, NOTE.name)
    await page.close()
    await second.getByRole('button', { name: `Remove ${NOTE.name}` }).click()
    await expect(row(second, NOTE.name)).toHaveCount(0)
    await connected(second, 2)
  })

  test('opens its own link in the browser that stored the file', async () => {
    const page = await browser.open(shoal.url)
    await connected(page, 2)
    await addFiles(page, [NOTE])
    await stored(page, NOTE.name)
    const link = await copyLink(page, NOTE.name)
    const second = await page.context().newPage()
    await second.goto(link)
    await expect(second.getByRole('heading', { name: NOTE.name })).toBeVisible({ timeout: 60_000 })
    expect(await sha256(await download(second, 'Download'))).toBe(digest(NOTE.buffer))
  })

  test('is usable after at most 60 kB of script', async () => {
    const html = await (await fetch(shoal.url)).text()
    const urls = [...html.matchAll(/(?:src|href)="([^"]+\.js)"/g)].map(([, url]) => new URL(url ?? '', shoal.url))
    expect(urls.length).toBeGreaterThan(0)
    let total = 0
    for (const url of urls) total += gzipSync(await (await fetch(url)).text()).length
    expect(total).toBeLessThanOrEqual(60_000)
  })

  test('is worked with the keyboard alone', async () => {
    const page = await browser.open(shoal.url)
    await connected(page, 2)
    await addFiles(page, [NOTE])
    await stored(page, NOTE.name)
    const remove = page.getByRole('button', { name: `Remove ${NOTE.name}` })
    await page.getByLabel('Add files').focus()
    for (let presses = 0; presses < 20; presses++) {
      if (await remove.evaluate((button) => button === document.activeElement)) break
      await page.keyboard.press('Tab')
    }
    await expect(remove).toBeFocused()
    await page.keyboard.press('Enter')
    await expect(row(page, NOTE.name)).toHaveCount(0)
  })
})
