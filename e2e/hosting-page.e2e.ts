import { expect, test, type Locator, type Page } from '@playwright/test'
import { DiskBrowser } from './support/browser.ts'
import { RunningShoal } from './support/shoal.ts'

const GIB = 2 ** 30

const hosting = (page: Page): Locator => page.getByRole('switch', { name: 'Host for others' })
const space = (page: Page): Locator => page.getByRole('combobox', { name: 'Space to share' })

test.describe('hosting on the page', () => {
  let shoal: RunningShoal
  let browser: DiskBrowser

  test.beforeEach(async () => {
    shoal = await RunningShoal.start({ hosts: 1 })
    browser = await DiskBrowser.fresh()
  })

  test.afterEach(async () => {
    await browser.close()
    await shoal.clean()
  })

  test('is switched on and off with the keyboard, with a space of one’s choice, and stays so over a reload', async () => {
    const page = await browser.open(shoal.url)
    await expect(hosting(page)).toBeEnabled()
    await expect(hosting(page)).not.toBeChecked()
    await hosting(page).press('Space')
    await expect(hosting(page)).toBeChecked()
    await expect(page.getByText('Holding nothing for others yet')).toBeVisible()
    await space(page).selectOption('2 GiB')
    await expect(page.getByRole('progressbar', { name: 'Shared space in use' })).toHaveAttribute('max', String(2 * GIB))

    await page.reload()
    await expect(hosting(page)).toBeChecked()
    await expect(space(page)).toHaveValue(String(2 * GIB))
    await expect(hosting(page)).toBeEnabled()
    await hosting(page).press('Enter')
    await expect(hosting(page)).not.toBeChecked()
    await expect(page.getByText('Holding nothing')).toHaveCount(0)

    await page.reload()
    await expect(hosting(page)).not.toBeChecked()
    await expect(space(page)).toHaveValue(String(2 * GIB))
  })

  test('says what it means that the browser promises to keep the data, or does not', async () => {
    const page = await browser.open(shoal.url)
    await hosting(page).click()
    const keep = page.getByRole('button', { name: 'Keep this data' })
    await expect(page.getByText('This browser may clear your list and what you hold')).toBeVisible()
    await page.evaluate(() => {
      navigator.storage.persist = () => Promise.resolve(false)
    })
    await keep.click()
    await expect(page.getByText('The browser did not agree')).toBeVisible()
    await page.evaluate(() => {
      navigator.storage.persist = () => Promise.resolve(true)
    })
    await keep.click()
    await expect(page.getByText('stay, also when the disk runs short')).toBeFocused()
    await expect(keep).toHaveCount(0)
  })
})
