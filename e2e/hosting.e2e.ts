import { expect, test, type Page } from '@playwright/test'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { DiskBrowser } from './support/browser.ts'
import { addFiles, connected, download, removeForGood, row, stored } from './support/page.ts'
import { RunningShoal } from './support/shoal.ts'
import { host } from './support/tabs.ts'

const hosting = (page: Page) => page.getByRole('switch', { name: 'Host for others' })

test('the one tab that has a file gives back every byte after a reload and a crash, and frees its space once it is removed, though switched off', async ({ page }) => {
  const shoal = await RunningShoal.start({ hosts: 0 })
  const browser = await DiskBrowser.fresh()
  try {
    let other = await browser.open(shoal.url)
    await host(other)
    await page.goto(shoal.url)
    await connected(page, 1)
    const buffer = randomBytes(3 * 2 ** 20)
    await addFiles(page, [{ name: 'three.bin', mimeType: 'application/octet-stream', buffer }])
    await stored(page, 'three.bin')
    await expect(row(page, 'three.bin')).toContainText('Stored · survives no host leaving')
    const held = /Holding [45](\.\d)? MiB for others/
    await expect(other.getByText(held)).toBeVisible()

    await other.reload()
    await expect(other.getByText(held)).toBeVisible()
    await browser.kill()
    other = await browser.open(shoal.url)
    await expect(hosting(other)).toBeChecked()
    await expect(other.getByText(held)).toBeVisible()
    await connected(page, 1)
    expect((await readFile(await download(page, 'Download three.bin'))).equals(buffer)).toBe(true)

    await hosting(other).click()
    await expect(hosting(other)).not.toBeChecked()
    await expect(other.getByText(held)).toBeVisible()
    await removeForGood(page, 'three.bin')
    await expect(other.getByText('Holding')).toHaveCount(0)
  } finally {
    await browser.close()
    await shoal.clean()
  }
})
