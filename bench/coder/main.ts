import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { peakDuring } from '../../e2e/support/processes.ts'
import { report } from '../report.ts'
import { borg, has } from './backup.ts'
import { BenchPage } from './browser.ts'
import { inMemory, MIB, randomFile, smallFiles, withByteInFront } from './files.ts'
import { kernels } from './kernels.ts'
import { median, Rates } from './rates.ts'
import { versions } from './versions.ts'

const ROUNDS = 3
/** Bytes of a shard of a chunk of average length. */
const SHARD = 420 * 1024
/** Shards are so many times the bytes of a chunk. */
const SPREAD = 16 / 10
const CANCELS = 20
/** What a cancel is to take at most. */
const CANCEL_MS = 100
const NOTHING_WRITTEN = { written: false, kept: false, anew: true }

const PARTS: Readonly<Record<string, () => Promise<void>>> = { kernels, pool, small, memory, cancel, insertion, versions }
const chosen = process.argv.slice(2)
for (const [name, part] of Object.entries(PARTS)) if (chosen.length === 0 || chosen.includes(name)) await part()

/** 1 GiB through the whole pool in Chromium and back, next to borg with the same bytes. */
async function pool(): Promise<void> {
  const size = 1024 * MIB
  const rates = new Rates()
  await inPage(async (page, folder) => {
    await randomFile(join(folder, 'random.bin'), size)
    await page.choose([join(folder, 'random.bin')])
    for (let round = 0; round < ROUNDS; round++) {
      await noteBorg(rates, folder, 'random.bin', size)
      rates.note('store', size, (await page.store(NOTHING_WRITTEN)).seconds)
      await page.store({ ...NOTHING_WRITTEN, kept: true })
      rates.note('open', size, (await page.read(0)).seconds)
      rates.note('open with rows lost', size, (await page.read(6)).seconds)
      rates.note('write', size * SPREAD, (await page.store({ ...NOTHING_WRITTEN, written: true })).seconds)
      rates.note('plain files', size * SPREAD, await page.write(size * SPREAD, SHARD))
    }
  })
  rates.say('pool: 1 GiB chunked, sealed and coded, nothing written, over borg create', 'store', 'borg create')
  rates.say('pool: 1 GiB checked, opened and put together, over borg extract', 'open', 'borg extract')
  rates.say('pool: the same with 6 data rows of each chunk lost, over borg extract', 'open with rows lost', 'borg extract')
  rates.say('pool: shards of 1 GiB made and written to the browser’s disk, over plain files of that size', 'write', 'plain files')
}

/** 1,000 files of 16 KiB, next to borg with the same tree. */
async function small(): Promise<void> {
  const rates = new Rates()
  await inPage(async (page, folder) => {
    const { paths, bytes } = await smallFiles(join(folder, 'small'))
    await page.choose(paths)
    for (let round = 0; round < ROUNDS; round++) {
      await noteBorg(rates, folder, 'small', bytes)
      rates.note('store', bytes, (await page.store(NOTHING_WRITTEN)).seconds)
    }
  })
  rates.say('pool: 1,000 x 16 KiB, nothing written, over borg create', 'store', 'borg create')
}

/** What a large file takes on top of a small one, of all processes of a browser. */
async function memory(): Promise<void> {
  const peak = async (size: number): Promise<number> => {
    let most = 0
    await inPage(async (page, folder) => {
      await randomFile(join(folder, 'random.bin'), size)
      await page.choose([join(folder, 'random.bin')])
      most = await peakDuring(page.folder, () => page.store(NOTHING_WRITTEN).then(() => undefined))
    })
    return most
  }
  const small = await peak(64 * MIB)
  const middle = await peak(512 * MIB)
  const large = await peak(4096 * MIB)
  report({ bench: 'coder', metric: 'memory: peak with a file of 512 MiB', value: middle, unit: 'MiB', reference: small })
  report({ bench: 'coder', metric: 'memory: peak with a file of 4 GiB', value: large, unit: 'MiB', reference: small })
  report({ bench: 'coder', metric: 'memory: 4 GiB over 64 MiB', value: large - small, unit: 'MiB', reference: 64 })
}

/** How soon nothing works any more on a file whose storing is cancelled. */
async function cancel(): Promise<void> {
  await inPage(async (page, folder) => {
    await randomFile(join(folder, 'random.bin'), 2048 * MIB)
    await page.choose([join(folder, 'random.bin')])
    const { idle, fresh } = await page.cancel(CANCELS)
    report({ bench: 'coder', metric: `cancel: until workers are idle, median of ${CANCELS}`, value: median(idle), unit: 'ms', reference: CANCEL_MS })
    report({ bench: 'coder', metric: 'cancel: until workers are idle, most', value: Math.max(...idle), unit: 'ms', reference: CANCEL_MS })
    report({ bench: 'coder', metric: 'cancel: a small job placed then, most', value: Math.max(...fresh), unit: 'ms' })
  })
}

/** A byte in front of a file that is known. */
async function insertion(): Promise<void> {
  const size = 1024 * MIB
  await inPage(async (page, folder) => {
    const path = join(folder, 'random.bin')
    await randomFile(path, size)
    await page.choose([path])
    await page.store(NOTHING_WRITTEN)
    await page.choose([await withByteInFront(path)])
    const { shards } = await page.store({ ...NOTHING_WRITTEN, anew: false })
    report({ bench: 'coder', metric: 'insertion: sealed bytes that are new after a byte in front of 1 GiB', value: (shards / SPREAD / size) * 100, unit: '%', reference: 1 })
  })
}

async function inPage(work: (page: BenchPage, folder: string) => Promise<void>): Promise<void> {
  await inMemory(async (folder) => {
    const page = await BenchPage.open()
    try {
      await work(page, folder)
    } finally {
      await page.close()
      await rm(page.folder, { recursive: true, force: true })
    }
  })
}

async function noteBorg(rates: Rates, folder: string, what: string, bytes: number): Promise<void> {
  if (!(await has('borg'))) return
  const { create, extract } = await borg(folder, what)
  rates.note('borg create', bytes, create)
  rates.note('borg extract', bytes, extract)
}
