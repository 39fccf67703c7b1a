import { expect, test } from '@playwright/test'
import { unzipSync } from 'fflate'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { sha256, DiskBrowser } from './support/browser.ts'
import { addFiles, connected, download, noCopies, row, type Upload } from './support/page.ts'
import { digest } from './support/real-files.ts'
import { RunningShoal } from './support/shoal.ts'

/** 255 bytes of UTF-8 with emoji, quotes, and letters of two and three bytes. */
function longestName(): string {
  const start = `🐟 "it's" ‘fine’ – naïve ’n’ 漢字 `
  return `${start}${'x'.repeat(251 - Buffer.byteLength(start))}.txt`
}

test('300 small files and a name of 255 bytes with emoji and quotes are stored and come back', async () => {
  test.setTimeout(300_000)
  const shoal = await RunningShoal.start({ hosts: 2 })
  const browser = await DiskBrowser.fresh()
  try {
    const page = await browser.open(shoal.url)
    await connected(page, 2)
    await noCopies(page)
    const files: Upload[] = []
    for (let i = 0; i < 300; i++) {
      const size = i === 0 ? 1 : Math.floor(1 + (i / 299) ** 2 * (100 * 1024 - 1))
      files.push({ name: `note-${String(i)}.bin`, mimeType: 'application/octet-stream', buffer: randomBytes(size) })
    }
    const name = longestName()
    expect(Buffer.byteLength(name)).toBe(255)
    files.push({ name, mimeType: 'text/plain', buffer: randomBytes(5000) })
    await addFiles(page, files)

    const rows = page.getByRole('table', { name: 'Files' }).getByRole('row')
    await expect(rows).toHaveCount(files.length + 1)
    await expect(rows.filter({ hasText: /Stored ·|Safe ·/ })).toHaveCount(files.length, { timeout: 200_000 })
    for (const file of [files[0], files[17], files[150], files[299], files[300]]) {
      if (file === undefined) throw new Error('no such file')
      await expect(row(page, file.name)).toBeVisible()
      expect(await sha256(await download(page, `Download ${file.name}`))).toBe(digest(file.buffer))
    }
    const zip = unzipSync(await readFile(await download(page, 'Download all as ZIP')))
    expect(Object.keys(zip)).toHaveLength(files.length)
    for (const { name: path, buffer } of files) expect(buffer.equals(zip[path] ?? new Uint8Array())).toBe(true)
  } finally {
    await browser.close()
    await shoal.clean()
  }
})

test('a name added twice is one file with two versions, and both can be had', async () => {
  const shoal = await RunningShoal.start({ hosts: 1 })
  const browser = await DiskBrowser.fresh()
  try {
    const page = await browser.open(shoal.url)
    await connected(page, 1)
    const file = { name: 'plan.txt', mimeType: 'text/plain', buffer: Buffer.from('first') }
    await addFiles(page, [file])
    await expect(row(page, 'plan.txt')).toContainText('Stored · survives no host leaving', { timeout: 60_000 })
    await addFiles(page, [{ ...file, buffer: Buffer.from('the second') }])
    await expect(row(page, 'plan.txt')).toContainText('10 bytes')
    await expect(row(page, 'plan.txt')).toContainText('Stored ·', { timeout: 60_000 })
    expect(await sha256(await download(page, 'Download plan.txt'))).toBe(digest(Buffer.from('the second')))
    await page.getByRole('button', { name: 'Versions of plan.txt' }).click()
    await page.getByRole('button', { name: /^Restore version/ }).click()
    await page.getByRole('button', { name: 'Close' }).click()
    await expect(row(page, 'plan.txt')).toContainText('5 bytes')
    expect(await sha256(await download(page, 'Download plan.txt'))).toBe(digest(Buffer.from('first')))
  } finally {
    await browser.close()
    await shoal.clean()
  }
})
