import { expect, type Page } from '@playwright/test'
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DiskBrowser, sha256 } from '../../e2e/support/browser.ts'
import { addFiles, connected, download, noCopies, stored } from '../../e2e/support/page.ts'
import { newFolder, RunningShoal } from '../../e2e/support/shoal.ts'
import { openHostTab, Tabs } from '../../e2e/support/tabs.ts'
import { report } from '../report.ts'
import { countSockets, idle, idleCpu } from './idle.ts'
import { fetchTime, longTasks, storeTime, watchPage } from './page.ts'
import { joinPlain, plainLinks, rawRate } from './raw.ts'
import { tasksDuring } from './tasks.ts'

const MIB = 2 ** 20
const ROUNDS = 3
const HOSTS = 4
/** Bytes sent for each byte of a file: 16 pieces, of which 10 are enough. */
const SPREAD = 16 / 10
const BIG = { count: 2048, size: 65_536, window: MIB }
const SMALL = { count: 1000, size: 16_384, window: MIB / 4 }
/** Whoever met a swarm looks around in it for some minutes, and is looked at; idle is what comes then. */
const SETTLED_MS = 180_000
/** A slow machine is slow, not wrong. */
const PATIENCE = 600_000

const PARTS: Readonly<Record<string, () => Promise<void>>> = { transfer, idle: idleTab, dead: deadHosts, found: foundHosts }
const chosen = process.argv.slice(2)
for (const [name, part] of Object.entries(PARTS)) if (chosen.length === 0 || chosen.includes(name)) await part()

/** One tab and four that host, each a browser of its own with its data on disk; a swarm for the small files, and another for the large ones. */
async function transfer(): Promise<void> {
  await inSwarm((owner, folder, raw) => small(owner, folder, () => raw(SMALL)))
  await inSwarm((owner, folder, raw) => big(owner, folder, () => raw(BIG)))
}

async function inSwarm(work: (owner: Page, folder: string, raw: (load: typeof BIG) => Promise<number>) => Promise<void>): Promise<void> {
  const folder = await newFolder()
  const shoal = await RunningShoal.start({ hosts: 0 })
  const browsers = await Promise.all(Array.from({ length: HOSTS + 1 }, () => DiskBrowser.fresh()))
  try {
    const [owner, other] = await openAll(browsers, shoal.url)
    const pair = [await owner.context().newPage(), await other.context().newPage()] as const
    await owner.bringToFront()
    await work(owner, folder, (load) => rawRate(...pair, load))
  } finally {
    for (const browser of browsers) await browser.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
  }
}

async function openAll(browsers: readonly DiskBrowser[], url: string): Promise<[owner: Page, host: Page]> {
  const [first, ...rest] = browsers
  const hosts: Page[] = []
  for (const browser of rest) hosts.push(await openHostTab((await browser.open('about:blank')).context(), url))
  const owner = await first!.open('about:blank')
  await watchPage(owner)
  await owner.goto(url)
  await connected(owner, HOSTS)
  await noCopies(owner)
  return [owner, hosts[0]!]
}

async function big(owner: Page, folder: string, raw: () => Promise<number>): Promise<void> {
  const rates: Record<'raw' | 'store' | 'fetch' | 'disk', number[]> = { raw: [], store: [], fetch: [], disk: [] }
  const tasks: number[] = []
  const size = BIG.count * BIG.size
  for (let round = 0; round < ROUNDS; round++) {
    const name = `big-${round}.bin`
    const path = join(folder, name)
    await writeFile(path, randomBytes(size))
    rates.raw.push(await raw())
    await longTasks(owner)
    rates.store.push(size / (await storeTime(owner, [path], [name])))
    const begin = performance.now()
    const arrived = await download(owner, `Download ${name}`, PATIENCE)
    rates.disk.push((size * 1000) / (performance.now() - begin))
    tasks.push(...(await longTasks(owner)))
    if ((await sha256(arrived)) !== (await sha256(path))) throw new Error(`${name} came back changed`)
    const { seconds, bytes } = await fetchTime(owner, `Download ${name}`)
    if (bytes !== size) throw new Error(`${name} came back with ${bytes} bytes`)
    rates.fetch.push(bytes / seconds)
  }
  const reference = median(rates.raw) / MIB
  const say = (metric: string, value: number, against: number): void => report({ bench: 'transfer', metric, value: value / MIB, unit: 'MiB/s', reference: against })
  say('fetch 128 MiB from 4 tabs, over raw', median(rates.fetch), reference)
  say('download 128 MiB from 4 tabs to disk, over raw', median(rates.disk), reference)
  say('store 128 MiB on 4 tabs, over raw / 1.6', median(rates.store), reference / SPREAD)
  report({ bench: 'transfer', metric: 'tasks over 50 ms on the page while it stores and downloads', value: tasks.length, unit: 'tasks' })
  report({ bench: 'transfer', metric: 'the longest of them', value: Math.max(0, ...tasks), unit: 'ms' })
  const traced = await tasksDuring(owner, () => once(owner, folder, size))
  report({ bench: 'transfer', metric: 'the most that the processor worked on one task (of those over 10 ms) of the page, in a traced round', value: Math.max(0, ...traced.map(({ cpu }) => cpu)), unit: 'ms', reference: 50 })
  report({ bench: 'transfer', metric: 'the longest task of that round, with its waiting for a processor', value: Math.max(0, ...traced.map(({ wall }) => wall)), unit: 'ms' })
}

async function once(owner: Page, folder: string, size: number): Promise<void> {
  const name = 'traced.bin'
  await writeFile(join(folder, name), randomBytes(size))
  await storeTime(owner, [join(folder, name)], [name])
  await download(owner, `Download ${name}`, PATIENCE)
}

async function small(owner: Page, folder: string, raw: () => Promise<number>): Promise<void> {
  const rates: Record<'raw' | 'fetch', number[]> = { raw: [], fetch: [] }
  const size = SMALL.count * SMALL.size
  const names = Array.from({ length: SMALL.count }, (_, i) => `small-${i}.bin`)
  for (const name of names) await writeFile(join(folder, name), randomBytes(SMALL.size))
  const storing = await storeTime(owner, names.map((name) => join(folder, name)), names)
  for (let round = 0; round < ROUNDS; round++) {
    rates.raw.push(await raw())
    await forgetAll(owner, folder)
    const { seconds, bytes } = await fetchTime(owner, 'Download all as ZIP')
    if (bytes < size) throw new Error(`${bytes} bytes came back`)
    rates.fetch.push(size / seconds)
  }
  const reference = median(rates.raw) / MIB
  report({ bench: 'transfer', metric: 'fetch 1,000 x 16 KiB from 4 tabs, over raw', value: median(rates.fetch) / MIB, unit: 'MiB/s', reference })
  report({ bench: 'transfer', metric: 'store 1,000 x 16 KiB on 4 tabs (once), over raw', value: size / storing / MIB, unit: 'MiB/s', reference })
}

/** Stores a file larger than the cache of what was read, fetches it and removes it: nothing of the others is in memory then, and all is as on a page in use. */
async function forgetAll(owner: Page, folder: string): Promise<void> {
  const path = join(folder, 'other.bin')
  await writeFile(path, randomBytes(40 * MIB))
  await addFiles(owner, [path])
  await stored(owner, 'other.bin', PATIENCE)
  await fetchTime(owner, 'Download other.bin')
  await owner.getByRole('button', { name: 'Remove other.bin', exact: true }).click()
  await expect(owner.getByRole('table', { name: 'Files' }).getByText('other.bin')).toHaveCount(0, { timeout: PATIENCE })
}

/** A tab that hosts, and 16 others that have met it; nobody does anything. */
async function idleTab(): Promise<void> {
  const shoal = await RunningShoal.start({ hosts: 0 })
  const browser = await DiskBrowser.fresh()
  const tabs = await Tabs.launch()
  try {
    const page = await browser.open('about:blank')
    const sockets = countSockets(page)
    await openHostTab(page.context(), shoal.url)
    for (let i = 0; i < 16; i++) await connected(await tabs.open(shoal.url), 1)
    await expect(page.getByRole('status')).toHaveText(/Connected to 16 peers/, { timeout: PATIENCE })
    const fresh = await idle(page, browser.folder, sockets)
    report({ bench: 'transfer', metric: 'CPU of the page process of a hosting tab, right after 16 others met it', value: fresh.cpu, unit: '% of a core', reference: 1 })
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
    const looks = []
    for (let round = 0; round < ROUNDS; round++) looks.push(await idle(page, browser.folder, sockets))
    report({ bench: 'transfer', metric: 'direct links of the idle tab', value: median(looks.map((look) => look.links)), unit: 'links', reference: 16 })
    const cpu = median(looks.map(({ cpu }) => cpu))
    report({ bench: 'transfer', metric: 'CPU of the page process of an idle hosting tab', value: cpu, unit: '% of a core', reference: 1 })
    report({ bench: 'transfer', metric: 'the same, over a page with 16 plain data channels and nothing of Shoal', value: cpu, unit: '% of a core', reference: await plainCpu() })
    report({ bench: 'transfer', metric: 'traffic of an idle hosting tab', value: median(looks.map(({ traffic }) => traffic)), unit: 'B/s', reference: 1000 })
  } finally {
    await tabs.close()
    await browser.close()
    await shoal.clean()
    await rm(browser.folder, { recursive: true, force: true })
  }
}

/** CPU of what a browser does by itself for a page that has 16 data channels to other pages, in percent of a core. */
async function plainCpu(): Promise<number> {
  const browser = await DiskBrowser.fresh()
  const tabs = await Tabs.launch()
  try {
    const page = await browser.open('about:blank')
    for (let i = 0; i < 16; i++) await joinPlain(page, await (await tabs.context()).newPage())
    const looks = []
    for (let round = 0; round < ROUNDS; round++) looks.push(await idleCpu(browser.folder))
    if ((await plainLinks(page)) !== 16) throw new Error('not all plain channels are connected')
    return median(looks)
  } finally {
    await tabs.close()
    await browser.close()
    await rm(browser.folder, { recursive: true, force: true })
  }
}

/** The same file again and again while ever more of the 16 tabs that hold it have crashed. */
async function deadHosts(): Promise<void> {
  const folder = await newFolder()
  const shoal = await RunningShoal.start({ hosts: 0 })
  const tabs = await Tabs.launch()
  try {
    const hosts = await tabs.hosts(shoal.url, 16)
    const owner = await (await tabs.context()).newPage()
    await watchPage(owner)
    await owner.goto(shoal.url)
    await connected(owner, 16, 120_000)
    await noCopies(owner)
    const path = join(folder, 'file.bin')
    await writeFile(path, randomBytes(64 * MIB))
    await addFiles(owner, [path])
    await stored(owner, 'file.bin', PATIENCE)
    let whole = Number.NaN
    for (const dead of [0, 2, 4, 6]) {
      for (const page of hosts.slice(Math.max(0, dead - 2), dead)) await crash(page)
      const rates = []
      for (let round = 0; round < ROUNDS; round++) {
        const { seconds, bytes } = await fetchTime(owner, 'Download file.bin')
        if (bytes !== 64 * MIB) throw new Error(`${bytes} bytes came back`)
        rates.push(bytes / seconds / MIB)
      }
      // The first fetch after hosts died is the one that finds out.
      if (dead === 0) whole = median(rates)
      report({ bench: 'transfer', metric: `fetch 64 MiB with ${dead} of 16 tabs dead`, value: median(rates), unit: 'MiB/s', reference: whole })
      report({ bench: 'transfer', metric: `the same, right after they died`, value: rates[0]!, unit: 'MiB/s', reference: whole })
    }
  } finally {
    await tabs.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
  }
}

/** How soon somebody who was never here finds tabs that came a moment ago, the loading of the page included. */
async function foundHosts(): Promise<void> {
  const shoal = await RunningShoal.start({ hosts: 0 })
  const tabs = await Tabs.launch()
  try {
    await tabs.hosts(shoal.url, HOSTS)
    const times = []
    for (let round = 0; round < ROUNDS; round++) {
      const page = await (await tabs.context()).newPage()
      const begin = performance.now()
      await page.goto(shoal.url)
      await connected(page, HOSTS, PATIENCE)
      times.push((performance.now() - begin) / 1000)
      await page.context().close()
    }
    report({ bench: 'transfer', metric: `opening the page until ${HOSTS} fresh tabs are found`, value: median(times), unit: 's', reference: 5 })
  } finally {
    await tabs.close()
    await shoal.clean()
  }
}

/** The tab's process dies without a word. */
async function crash(page: Page): Promise<void> {
  const crashed = page.waitForEvent('crash')
  void page.goto('chrome://crash').catch(() => undefined)
  await crashed
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
