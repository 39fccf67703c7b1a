import { expect, test } from '@playwright/test'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DiskBrowser, sha256 } from './support/browser.ts'
import { addFiles, connected, copyLink, download, stored } from './support/page.ts'
import { digest } from './support/real-files.ts'
import { freePort, newFolder, npmStart, RunningShoal } from './support/shoal.ts'

test.describe('npm start', () => {
  test('refuses bad options with one clear line and exit code 1', async () => {
    const bad = [['--hosts', 'many'], ['--port', '99999'], ['--host-space', '12 parsecs'], ['--no-such-option']]
    for (const options of bad) {
      const { code, stderr } = await npmStart(options).exited
      expect(code).toBe(1)
      expect(lines(stderr)).toHaveLength(1)
      expect(stderr).toContain(options[0])
    }
  })

  test('says in one line that a port is in use', async () => {
    const shoal = await RunningShoal.start({ hosts: 0 })
    try {
      const { code, stderr } = await npmStart(['--port', String(shoal.port), '--data', await newFolder(), '--hosts', '0']).exited
      expect(code).toBe(1)
      expect(lines(stderr)).toHaveLength(1)
      expect(stderr).toContain(String(shoal.port))
    } finally {
      await shoal.clean()
    }
  })

  test('says in one line that its folder cannot be written', async () => {
    const folder = await newFolder()
    const file = join(folder, 'a-file')
    await writeFile(file, 'not a folder')
    const shut = join(folder, 'shut')
    await mkdir(shut)
    await chmod(shut, 0o500)
    const unwritable = process.getuid?.() === 0 ? [join(file, 'data')] : [join(file, 'data'), join(shut, 'data')]
    for (const data of unwritable) {
      const { code, stderr } = await npmStart(['--port', String(await freePort()), '--data', data]).exited
      expect(code).toBe(1)
      expect(lines(stderr)).toHaveLength(1)
      expect(stderr).toContain(data)
    }
  })

  test('killed with -9 and started again, it has the same files, and Ctrl-C ends every process', async () => {
    test.setTimeout(200_000)
    const first = await RunningShoal.start({ hosts: 2 })
    const browser = await DiskBrowser.fresh()
    const reader = await DiskBrowser.fresh()
    try {
      const page = await browser.open(first.url)
      await connected(page, 2)
      const buffer = Buffer.from('kept through a power cut '.repeat(20_000))
      await addFiles(page, [{ name: 'log.txt', mimeType: 'text/plain', buffer }])
      await stored(page, 'log.txt')
      const link = await copyLink(page, 'log.txt')
      await browser.close()
      await first.kill()
      await expect.poll(() => first.processes(), { timeout: 20_000 }).toEqual([])

      const again = await RunningShoal.start({ hosts: 2, port: first.port, data: first.data })
      const other = await reader.open(link)
      await expect(other.getByRole('heading', { name: 'log.txt' })).toBeVisible({ timeout: 60_000 })
      expect(await sha256(await download(other, 'Download'))).toBe(digest(buffer))
      const { code } = await again.stop()
      expect(code).toBe(0)
      expect(await again.processes()).toEqual([])
    } finally {
      await browser.close()
      await reader.close()
      await first.clean()
    }
  })
})

/** What a person reads: npm's own lines about the script it runs are not ours. */
function lines(stderr: string): string[] {
  return stderr.split('\n').filter((line) => line.trim() !== '' && !/^npm (warn|error|notice)/i.test(line))
}
