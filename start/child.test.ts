import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Child } from './child.mjs'
import { Stop } from './tools.mjs'

let folder = ''
let said: string[] = []
const children: Child[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-child-'))
  said = []
})
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop()))
  await rm(folder, { recursive: true, force: true })
})

const ready = `console.log(JSON.stringify({ ready: true }));`
const stayUntilStdinEnds = `process.stdin.resume().on('end', () => process.exit(0));`
/** Counts its runs in a file, so that a program can behave otherwise the second time. */
const countRuns = (file: string): string =>
  `const fs = require('node:fs'); fs.appendFileSync(${JSON.stringify(file)}, 'x');` +
  `const run = fs.readFileSync(${JSON.stringify(file)}, 'utf8').length;`

async function child(program: string, restart = true): Promise<Child> {
  const file = join(folder, 'child.cjs')
  await writeFile(file, program)
  const made = new Child({
    name: 'host-0',
    node: process.execPath,
    args: [file],
    cwd: folder,
    restart,
    say: (line) => said.push(line),
    firstWait: 1,
  })
  children.push(made)
  return made
}

test('start resolves when the child says that it is ready, and stop ends it', async () => {
  const host = await child(ready + stayUntilStdinEnds)
  await host.start()
  expect(host.pid).toBeGreaterThan(0)
  await host.stop()
  expect(host.pid).toBeUndefined()
})

test('the sentence with which a child gives up at its first start is the one that a person reads', async () => {
  const host = await child(`console.log(JSON.stringify({ error: 'The disk is full.' })); process.exitCode = 1`)
  await expect(host.start()).rejects.toThrow(new Stop('The disk is full.'))
})

test('a child that crashes without a word at every start is given up', async () => {
  const file = join(folder, 'runs')
  const host = await child(`${countRuns(file)} process.exit(7)`)
  await expect(host.start()).rejects.toThrow('The host-0 does not start: it ended with code 7.')
  expect(await readFile(file, 'utf8')).toBe('xxx')
})

test('a child that crashes at first and then starts is ready', async () => {
  const host = await child(`${countRuns(join(folder, 'runs'))} if (run < 3) process.exit(1); ${ready} ${stayUntilStdinEnds}`)
  await host.start()
  expect(said).toHaveLength(2)
})

test('a ready child that is killed is started again', async () => {
  const host = await child(ready + stayUntilStdinEnds)
  await host.start()
  const first = host.pid ?? 0
  process.kill(first, 'SIGKILL')
  await vi.waitUntil(() => said.includes('host-0 is back.'), { timeout: 20_000 })
  expect(said[0]).toContain('it ended with SIGKILL')
  expect(host.pid).not.toBe(first)
})

test('without restart a killed child stays down', async () => {
  const host = await child(ready + stayUntilStdinEnds, false)
  await host.start()
  process.kill(host.pid ?? 0, 'SIGKILL')
  await vi.waitUntil(() => said.length > 0, { timeout: 20_000 })
  expect(said).toEqual(['host-0 is down: it ended with SIGKILL.'])
  expect(host.pid).toBeUndefined()
})

test('what else a child prints is passed on under its name', async () => {
  const host = await child(`console.log('disk is slow'); ${ready} ${stayUntilStdinEnds}`)
  await host.start()
  expect(said).toEqual(['host-0: disk is slow'])
})
