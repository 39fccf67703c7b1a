import { expect, test, type Page } from '@playwright/test'
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { allSafe, createAccount, NEXT_PASSWORD, PASSWORD, signedIn, signIn, signOut } from './support/account.ts'
import { FreshBrowsers, sha256 } from './support/browser.ts'
import { addFiles, connected, download, row, stored } from './support/page.ts'
import { digest, randomFile } from './support/real-files.ts'
import { newFolder, RunningShoal } from './support/shoal.ts'
import { makeTree, type Tree } from './support/tree.ts'

const ANNA = { name: 'Anna Example', password: PASSWORD }
const NOTE = { name: 'note.txt', mimeType: 'text/plain', buffer: randomBytes(50_000) }

/** All files below the open folder, as its ZIP brings them. */
async function downloaded(page: Page, folder: string): Promise<Tree> {
  const zip = unzipSync(await readFile(await download(page, `Download ${folder}`, 180_000)))
  return new Map(Object.entries(zip).map(([path, bytes]) => [path.slice(folder.length + 1), digest(Buffer.from(bytes))]))
}

function sorted(tree: Tree): [string, string][] {
  return [...tree].sort(([a], [b]) => (a < b ? -1 : 1))
}

test.describe('an account', () => {
  let shoal: RunningShoal
  const browsers = new FreshBrowsers()
  const fresh = (): ReturnType<FreshBrowsers['open']> => browsers.open(shoal.url)

  test.afterEach(async () => {
    await browsers.close()
    await shoal.clean()
  })

  test('brings a whole tree to a device that has only name and password, and to one that has only the words, after the first one signed out', async () => {
    test.setTimeout(600_000)
    shoal = await RunningShoal.start({ hosts: 4 })
    const folder = await newFolder()
    const tree = await makeTree(join(folder, 'tree'), 200, 12)
    const big = await randomFile(folder, 'big.bin', 64 * 2 ** 20)
    const first = await fresh()
    await connected(first.page, 4)
    const words = await createAccount(first.page, ANNA)
    await first.page.getByLabel('Add folder').setInputFiles(join(folder, 'tree'))
    await addFiles(first.page, [big])
    await stored(first.page, 'big.bin', 300_000)
    await allSafe(first.page, 300_000)
    await signOut(first.page)
    await first.browser.close()

    for (const given of [ANNA, { phrase: words.join(' ') }]) {
      const { browser, page } = await fresh()
      await connected(page, 4)
      await signIn(page, given)
      await signedIn(page)
      await expect(row(page, 'tree')).toBeVisible({ timeout: 10_000 })
      expect(await sha256(await download(page, 'Download big.bin', 180_000))).toBe(await sha256(big))
      expect(sorted(await downloaded(page, 'tree'))).toEqual(sorted(tree))
      await page.getByRole('link', { name: 'tree', exact: true }).click()
      await expect(row(page, 'folder 11')).toHaveCount(0)
      await page.getByRole('link', { name: 'folder 10', exact: true }).click()
      await page.getByRole('link', { name: 'folder 11', exact: true }).click()
      await expect(page.getByRole('table', { name: 'Files' }).getByRole('row')).toHaveCount(17)
      await browser.close()
    }
    await rm(folder, { recursive: true })
  })

  test('with a changed password goes on where it is open, refuses the old one in words, and opens with the new one', async () => {
    test.setTimeout(600_000)
    shoal = await RunningShoal.start({ hosts: 2 })
    const [first, second, third] = [await fresh(), await fresh(), await fresh()]
    await connected(first.page, 2)
    await createAccount(first.page, ANNA)
    await addFiles(first.page, [NOTE])
    await stored(first.page, NOTE.name)
    await allSafe(first.page)
    await connected(second.page, 2)
    await signIn(second.page, { ...ANNA, name: ' anna EXAMPLE' })
    await signedIn(second.page)
    await expect(row(second.page, NOTE.name)).toBeVisible({ timeout: 30_000 })

    await first.page.getByRole('button', { name: 'Account', exact: true }).click()
    await first.page.getByRole('button', { name: 'Change password' }).click()
    await first.page.getByLabel('Current password').fill(PASSWORD)
    await first.page.getByLabel('New password').fill(NEXT_PASSWORD)
    await first.page.getByRole('button', { name: 'Change password' }).click()
    await expect(first.page.getByText('The new password works')).toBeVisible({ timeout: 30_000 })

    await connected(third.page, 2)
    await signIn(third.page, ANNA)
    await expect(third.page.getByRole('alert')).toContainText('changed', { timeout: 60_000 })
    await third.page.getByRole('textbox', { name: 'Name' }).fill(ANNA.name)
    await third.page.getByLabel('Password', { exact: true }).fill(NEXT_PASSWORD)
    await third.page.getByRole('button', { name: 'Sign in' }).click()
    await signedIn(third.page)
    await expect(row(third.page, NOTE.name)).toBeVisible({ timeout: 30_000 })

    await addFiles(second.page, [{ ...NOTE, name: 'of the second.txt' }])
    await stored(second.page, 'of the second.txt')
    await allSafe(second.page)
    await expect(row(first.page, 'of the second.txt').or(first.page.getByRole('link', { name: 'Back to your files' }))).toBeVisible()
    await first.page.getByRole('link', { name: 'Back to your files' }).click()
    await first.page.reload()
    await expect(row(first.page, 'of the second.txt')).toBeVisible({ timeout: 60_000 })
    expect(await sha256(await download(first.page, 'Download of the second.txt'))).toBe(digest(NOTE.buffer))
  })

  test('that nobody has is refused as a wrong name or password; without a network nothing is said about it', async () => {
    shoal = await RunningShoal.start({ hosts: 1 })
    const { page } = await fresh()
    await connected(page, 1)
    await signIn(page, ANNA)
    await expect(page.getByRole('alert')).toContainText('wrong', { ignoreCase: true, timeout: 60_000 })
    await shoal.kill()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('alert')).toContainText('network', { timeout: 90_000 })
    await expect(page.getByRole('alert')).not.toContainText('wrong', { ignoreCase: true })
  })

  test('is signed out of a device by another one, with nothing lost and nothing left there', async () => {
    test.setTimeout(400_000)
    shoal = await RunningShoal.start({ hosts: 2 })
    const [first, second] = [await fresh(), await fresh()]
    await connected(first.page, 2)
    await createAccount(first.page, ANNA)
    await addFiles(first.page, [NOTE])
    await stored(first.page, NOTE.name)
    await allSafe(first.page)
    await connected(second.page, 2)
    await signIn(second.page, ANNA)
    await signedIn(second.page)
    await expect(row(second.page, NOTE.name)).toBeVisible({ timeout: 30_000 })
    await addFiles(second.page, [{ ...NOTE, name: 'of the second.txt', buffer: randomBytes(50_000) }])
    await stored(second.page, 'of the second.txt')
    await allSafe(second.page)

    await first.page.reload()
    await first.page.getByRole('button', { name: 'Account', exact: true }).click()
    await first.page.getByRole('button', { name: /^Sign out ./ }).click({ timeout: 60_000 })
    await first.page.getByRole('button', { name: 'Sign it out' }).click()
    await expect(first.page.getByText('is signed out as soon as it is online')).toBeVisible()
    await second.page.reload()
    await expect(second.page.getByRole('note')).toContainText('signed out of the account by another', { timeout: 90_000 })
    await expect(second.page.getByRole('heading', { name: 'Welcome to Shoal' })).toBeVisible()
    expect((await keptIn(second.page)).text).not.toMatch(/note\.txt|of the second|Anna|anna/)
    await first.page.getByRole('link', { name: 'Back to your files' }).click()
    await expect(row(first.page, 'of the second.txt')).toBeVisible({ timeout: 60_000 })
  })

  test('leaves nothing readable in a browser that signs out: no name, no content, no key', async () => {
    test.setTimeout(400_000)
    shoal = await RunningShoal.start({ hosts: 2 })
    const { page } = await fresh()
    await connected(page, 2)
    const secret = { name: 'diary of otters.txt', mimeType: 'text/plain', buffer: Buffer.from('The otter sleeps at noon. '.repeat(2000)) }
    await createAccount(page, ANNA)
    await page.getByRole('button', { name: 'New folder' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('private papers')
    await page.getByRole('dialog').getByRole('button', { name: 'Create folder' }).click()
    await expect(row(page, 'private papers')).toBeVisible()
    await addFiles(page, [secret])
    await stored(page, secret.name)
    await allSafe(page)
    await page.getByRole('button', { name: `More for ${secret.name}`, exact: true }).click()
    await page.getByRole('button', { name: `Keep ${secret.name} on this device`, exact: true }).click()
    await expect(row(page, secret.name)).toContainText('Kept on this device', { timeout: 60_000 })
    const before = await keptIn(page)
    expect(before.text).toMatch(/diary of otters/)
    expect(before.keys).toBeGreaterThan(0)
    expect(before.files.some((path) => path.startsWith('/copies/'))).toBe(true)
    await signOut(page)
    const after = await keptIn(page)
    expect(after.text).not.toMatch(/otter|private papers|Anna|anna/)
    expect(after.files).toEqual([])
  })
})

/** All that the page's origin keeps: IndexedDB, the private file system, caches and storage, as text; how many secrets; which files. */
function keptIn(page: Page): Promise<{ text: string; keys: number; files: string[] }> {
  return page.evaluate(async () => {
    let text = [localStorage, sessionStorage].flatMap((storage) => Object.entries(storage)).join() + document.cookie
    const latin = new TextDecoder('latin1')
    const files: string[] = []
    let keys = 0
    const answer = <T>(request: IDBRequest<T>) => new Promise<T>((resolve) => (request.onsuccess = () => resolve(request.result)))
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open(name ?? '')
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(new Error('not opened'))
      })
      for (const store of database.objectStoreNames) {
        const all = database.transaction(store).objectStore(store)
        const names = await answer<unknown[]>(all.getAllKeys() as IDBRequest<unknown[]>)
        const values = await answer<unknown[]>(database.transaction(store).objectStore(store).getAll())
        keys += names.filter((key) => String(key).startsWith('account')).length
        text += names.join() + values.map((value) => (value instanceof Uint8Array ? latin.decode(value) : JSON.stringify(value))).join()
      }
      database.close()
    }
    const walk = async (folder: FileSystemDirectoryHandle, path: string): Promise<void> => {
      for await (const [name, handle] of folder as unknown as AsyncIterable<[string, FileSystemHandle]>) {
        if (handle instanceof FileSystemDirectoryHandle) await walk(handle, `${path}/${name}`)
        else {
          files.push(`${path}/${name}`)
          text += latin.decode(await (await (handle as FileSystemFileHandle).getFile()).arrayBuffer())
        }
      }
    }
    await walk(await navigator.storage.getDirectory(), '')
    for (const name of await caches.keys()) {
      const cache = await caches.open(name)
      for (const request of await cache.keys()) text += request.url
    }
    return { text, keys, files }
  })
}
