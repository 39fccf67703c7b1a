import { open, rm } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { DiskBrowser, sha256 } from '../../e2e/support/browser.ts'
import { addFiles, connected, download, stored } from '../../e2e/support/page.ts'
import { peakDuring } from '../../e2e/support/processes.ts'
import { newFolder, RunningShoal } from '../../e2e/support/shoal.ts'
import { report } from '../report.ts'

const MIB = 2 ** 20
/** The bar: what storing and fetching the big file may take on top of the small one, in MiB. */
const ALLOWED = 300
/** A slow machine is slow, not wrong. */
const PATIENCE = 1_800_000

const folder = await newFolder()
const shoal = await RunningShoal.start({ hosts: 2 })
const browser = await DiskBrowser.fresh()
try {
  const page = await browser.open(shoal.url)
  await connected(page, 2)
  const small = await roundTrip(page, 'small.bin', 64)
  const big = await roundTrip(page, 'big.bin', 1024)
  for (const phase of ['store', 'fetch'] as const) {
    report({ bench: 'memory', metric: `${phase} 64 MiB, peak`, value: small[phase], unit: 'MiB' })
    report({ bench: 'memory', metric: `${phase} 1 GiB, peak`, value: big[phase], unit: 'MiB' })
  }
  const growth = Math.max(big.store, big.fetch) - small.store
  report({ bench: 'memory', metric: '1 GiB over storing 64 MiB', value: growth, unit: 'MiB', reference: ALLOWED })
  if (growth >= ALLOWED) process.exitCode = 1
} finally {
  await browser.close()
  await shoal.clean()
  await rm(folder, { recursive: true })
  await rm(browser.folder, { recursive: true, force: true })
}

async function roundTrip(page: Page, name: string, size: number): Promise<{ store: number; fetch: number }> {
  const path = join(folder, name)
  await writeRandom(path, size)
  const store = await peakDuring(browser.folder, async () => {
    await addFiles(page, [path])
    await stored(page, name, PATIENCE)
  })
  const fetch = await peakDuring(browser.folder, async () => {
    const arrived = await download(page, `Download ${name}`, PATIENCE)
    if ((await sha256(arrived)) !== (await sha256(path))) throw new Error(`${name} came back changed`)
  })
  return { store, fetch }
}

async function writeRandom(path: string, size: number): Promise<void> {
  const file = await open(path, 'w')
  for (let i = 0; i < size; i++) await file.write(randomBytes(MIB))
  await file.close()
}
