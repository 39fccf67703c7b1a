import { expect, test, type Page } from '@playwright/test'
import { randomBytes } from 'node:crypto'
import { allSafe, createAccount, PASSWORD, signedIn, signIn } from './support/account.ts'
import { FreshBrowsers, sha256 } from './support/browser.ts'
import { addFiles, connected, download, noCopies, row, stored } from './support/page.ts'
import { digest } from './support/real-files.ts'
import { RunningShoal } from './support/shoal.ts'

const ANNA = { name: 'Anna Example', password: PASSWORD }
const NOTE = { name: 'note.txt', mimeType: 'text/plain', buffer: randomBytes(50_000) }
const FILM = { name: 'film.bin', mimeType: 'application/octet-stream', buffer: randomBytes(9 * 2 ** 20) }

async function choose(page: Page, name: string, item: string): Promise<void> {
  await page.getByRole('button', { name: `More for ${name}`, exact: true }).click()
  await page.getByRole('button', { name: item, exact: true }).click()
}

/** Files in the folder of copies. */
function copiesOnDisk(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    const count = async (folder: FileSystemDirectoryHandle): Promise<number> => {
      let files = 0
      for await (const handle of folder.values()) {
        files += handle instanceof FileSystemDirectoryHandle ? await count(handle) : 1
      }
      return files
    }
    const folder = await root.getDirectoryHandle('copies').catch(() => undefined)
    return folder === undefined ? 0 : count(folder)
  })
}

test.describe('a file kept on this device', () => {
  let shoal: RunningShoal
  const browsers = new FreshBrowsers()
  const fresh = (): ReturnType<FreshBrowsers['open']> => browsers.open(shoal.url)

  test.afterEach(async () => {
    await browsers.close()
    await shoal.clean()
  })

  test('that another device stored opens after a restart, when all hosts and the relay are gone', async () => {
    test.setTimeout(400_000)
    shoal = await RunningShoal.start({ hosts: 3 })
    const first = await fresh()
    await connected(first.page, 3)
    await createAccount(first.page, ANNA)
    await addFiles(first.page, [NOTE, FILM])
    for (const { name } of [NOTE, FILM]) await stored(first.page, name)
    await allSafe(first.page)
    await first.browser.close()

    const { browser, page } = await fresh()
    await connected(page, 3)
    await signIn(page, ANNA)
    await signedIn(page)
    await expect(row(page, FILM.name)).toBeVisible({ timeout: 60_000 })
    await noCopies(page)
    for (const { name } of [NOTE, FILM]) await choose(page, name, `Keep ${name} on this device`)
    for (const { name } of [NOTE, FILM]) await expect(row(page, name)).toContainText('Kept on this device', { timeout: 120_000 })

    await browser.close()
    await shoal.kill()
    const again = await browser.open(shoal.url)
    await expect(row(again, FILM.name)).toContainText('Kept on this device', { timeout: 60_000 })
    for (const { name, buffer } of [NOTE, FILM]) expect(await sha256(await download(again, `Download ${name}`))).toBe(digest(buffer))
    await choose(again, NOTE.name, `Do not keep ${NOTE.name} on this device`)
    await expect(row(again, NOTE.name)).not.toContainText('Kept on this device')
  })

  test('stays when there is less room for other copies, and these go from the disk at once', async () => {
    test.setTimeout(300_000)
    shoal = await RunningShoal.start({ hosts: 2 })
    const { page } = await fresh()
    await connected(page, 2)
    await addFiles(page, [NOTE, FILM])
    for (const { name } of [NOTE, FILM]) await stored(page, name)
    const copies = page.getByRole('region', { name: 'Copies' })
    expect(await sha256(await download(page, `Download ${FILM.name}`))).toBe(digest(FILM.buffer))
    await expect(copies).toContainText(/9(\.\d)? MiB of copies here/, { timeout: 60_000 })
    await choose(page, NOTE.name, `Keep ${NOTE.name} on this device`)
    await expect(copies).toContainText(/\d+ KiB that you keep on this device/, { timeout: 60_000 })
    await copies.getByRole('combobox', { name: 'Room for copies on this device' }).selectOption('None')
    await expect(copies).toContainText(/0 bytes of copies here, and \d+ KiB/, { timeout: 60_000 })
    await expect.poll(() => copiesOnDisk(page)).toBe(1)
  })
})
