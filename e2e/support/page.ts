import { expect, type Locator, type Page } from '@playwright/test'

/** What a person does on the page, by role and name. */

/** An own file's row. */
export function row(page: Page, name: string): Locator {
  return page.getByRole('table', { name: 'Files' }).getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) })
}

/** Waits until the page has reached this many hosts. */
export async function connected(page: Page, hosts: number, timeout = 60_000): Promise<void> {
  await expect(page.getByRole('status')).toHaveText(new RegExp(`Connected to \\d+ peers, ${String(hosts)} hosts`), { timeout })
}

/** From now on nothing that is stored or opened leaves copies in this browser: what it downloads comes from hosts. */
export async function noCopies(page: Page): Promise<void> {
  await page.getByRole('combobox', { name: 'Room for copies on this device' }).selectOption('None')
}

export interface Upload {
  readonly name: string
  readonly mimeType: string
  readonly buffer: Buffer
}

export async function addFiles(page: Page, files: string[] | Upload[]): Promise<void> {
  await page.getByLabel('Add files').setInputFiles(files)
}

/** Waits until the row says that the file is stored. */
export async function stored(page: Page, name: string, timeout = 120_000): Promise<void> {
  await expect(row(page, name)).toContainText(/Safe · survives|Stored · survives/, { timeout })
}

/** Downloads an own file, or on a shared link's page the file; resolves with the path of what arrived. */
export async function download(page: Page, button: string, timeout = 120_000): Promise<string> {
  const arriving = page.waitForEvent('download', { timeout })
  await page.getByRole('button', { name: button, exact: true }).click()
  const file = await arriving
  return file.path()
}

/** Moves a file to the trash and empties it. */
export async function removeForGood(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: `Remove ${name}`, exact: true }).click()
  await expect(row(page, name)).toHaveCount(0)
  await emptyTrash(page)
}

/** Deletes for good what is in the trash, and goes back to the files. */
export async function emptyTrash(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Trash', exact: true }).click()
  await page.getByRole('button', { name: 'Empty trash' }).click()
  await page.getByRole('button', { name: 'Delete for good' }).click()
  await expect(page.getByRole('main').getByText('The trash is empty.')).toBeVisible()
  await page.getByRole('link', { name: 'Back to your files' }).click()
}

/** The link of a file, as the button copies it. */
export async function copyLink(page: Page, name: string): Promise<string> {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.evaluate(() => navigator.clipboard.writeText(''))
  await page.getByRole('button', { name: `Copy link ${name}`, exact: true }).click()
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain('#/s/')
  return page.evaluate(() => navigator.clipboard.readText())
}
