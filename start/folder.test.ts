import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { claimFolder, FolderLock } from './folder.mjs'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-folder-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('a folder that does not exist is made, and nothing is left in it', async () => {
  const deep = join(folder, 'a', 'b')
  claimFolder(deep)
  expect(await readdir(deep)).toEqual([])
})

test('a folder below a file is refused with one line that names it', async () => {
  const file = join(folder, 'file')
  await writeFile(file, '')
  const path = join(file, 'data')
  expect(() => claimFolder(path)).toThrow(`Shoal cannot write to ${path}: part of the path is not a folder.`)
})

test('a folder that another living supervisor holds is refused', async () => {
  // Named as a supervisor is, since a recycled process number must not keep a folder locked.
  const script = join(folder, 'start.mjs')
  await writeFile(script, 'process.stdin.resume()')
  const other = spawn(process.execPath, [script], { stdio: ['pipe', 'ignore', 'ignore'] })
  try {
    await writeFile(join(folder, 'lock.json'), JSON.stringify({ pid: other.pid, children: [] }))
    await expect(FolderLock.take(folder)).rejects.toThrow(`Another Shoal already runs on ${folder} (process ${other.pid ?? 0}).`)
  } finally {
    other.kill('SIGKILL')
  }
})

test('the lock of a supervisor that was killed is taken over once its children are gone', async () => {
  // Written by the child as its last act: that it ended is heard of here a moment later than it can be seen.
  const done = `${folder}-done`
  const child = spawn(process.execPath, ['-e', `setTimeout(() => require('node:fs').writeFileSync(${JSON.stringify(done)}, ''), 300)`, 'host.ts'], { stdio: 'ignore' })
  await writeFile(join(folder, 'lock.json'), JSON.stringify({ pid: 2 ** 22 + 1, children: [child.pid] }))
  const lock = await FolderLock.take(folder)
  await rm(done)
  lock.release()
  expect(await readdir(folder)).toEqual([])
})

test('a lock with our own process number is that of a killed supervisor in a container, and is taken over', async () => {
  // The command line of the test's process does not look like a supervisor's, so a child plays it: it takes the lock that names itself.
  const script = join(folder, 'start.mjs')
  await writeFile(script, `
    import { writeFileSync } from 'node:fs'
    import { FolderLock } from ${JSON.stringify(new URL('folder.mjs', import.meta.url).href)}
    writeFileSync(${JSON.stringify(join(folder, 'lock.json'))}, JSON.stringify({ pid: process.pid, children: [] }))
    await FolderLock.take(${JSON.stringify(folder)})
  `)
  const child = spawn(process.execPath, [script], { stdio: 'ignore' })
  expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0)
})

test('a lock that was cut off in the middle of writing does not lock anyone out', async () => {
  await writeFile(join(folder, 'lock.json'), '{"pid":')
  const lock = await FolderLock.take(folder)
  lock.release()
})
