import { expect, test, type Page, type Worker } from '@playwright/test'
import { rm } from 'node:fs/promises'
import { isAppError } from '../core/base/errors.ts'
import type { PeerHint } from '../core/ports/network.ts'
import { SHARD_PROTOCOL } from '../core/swarm/limits.ts'
import { floodWithStreams } from '../peer/test-flooder.ts'
import { shoalWebRtc } from '../peer/web-rtc.ts'
import { floodWithOffers, neverRead, openManyStreams, readSlowly } from './support/attacks.ts'
import { Attacker } from './support/attacker.ts'
import { DiskBrowser, sha256 } from './support/browser.ts'
import { links } from './support/links.ts'
import { addFiles, connected, download, noCopies, stored } from './support/page.ts'
import { memoryOf, peakDuring } from './support/processes.ts'
import { randomFile } from './support/real-files.ts'
import { newFolder, RunningShoal } from './support/shoal.ts'
import { host, Tabs } from './support/tabs.ts'
import { COUNTS_TIMERS, openCounted, timersOf } from './support/timers.ts'

test.use({ trace: 'off' })

const MIB = 2 ** 20
const VISITS = 600
/** Handshakes under way at once: two cores do no more. */
const VISITORS = 6
/** Visits before the first count: what is made once and kept is there by then. */
const FIRST_VISITS = 30
/** MiB by which a hosting browser may grow: caches and code, but not 0.4 MiB of each of 570 connections. */
const ALLOWED_GROWTH = 80
/** MiB on top of that while it is attacked: a window for each stream that it serves, and its answers. */
const ALLOWED_PEAK = 250

const join = (url: string) => (): Promise<Attacker> => Attacker.join(url, shoalWebRtc)

/** The one hosting tab there is, as strangers find it. */
async function theHost(url: string): Promise<PeerHint> {
  const scout = await join(url)()
  try {
    const [found] = await scout.findHosts(1)
    return found!
  } finally {
    await scout.leave()
  }
}

/**
 * `count` strangers come one after the other, in a few lanes: each is greeted by the host, and leaves. A host that notices late that some have left cuts
 * off others who come meanwhile; these come again, and there must be few of them.
 */
async function visit(url: string, hint: PeerHint, count: number): Promise<void> {
  let left = count
  let cut = 0
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const visitor = await join(url)()
      const greeted = await visitor.greet(hint).catch((error: unknown) => {
        if (!isAppError(error, 'transient') || ++cut > Math.max(1, count / 10)) throw error
        left++
        return undefined
      })
      await greeted?.stream.close()
      await visitor.leave()
    }
  }
  await Promise.all(Array.from({ length: Math.min(VISITORS, count) }, lane))
}

interface Held {
  readonly connections: number
  readonly timers: number
  readonly memory: number
}

/** What a hosting tab holds once those who left are forgotten. */
async function held(page: Page, worker: Worker, folder: string): Promise<Held> {
  await expect.poll(async () => (await links(page)).length, { timeout: 60_000 }).toBeLessThanOrEqual(2)
  return { connections: (await links(page)).length, timers: await timersOf(worker), memory: await memoryOf(folder) }
}

test('after 600 strangers came and went a hosting tab holds what it held before, and the next one is served', async () => {
  test.setTimeout(400_000)
  const shoal = await RunningShoal.start({ hosts: 0, preload: COUNTS_TIMERS })
  const browser = await DiskBrowser.fresh()
  try {
    const page = await browser.open('about:blank')
    const worker = await openCounted(page, shoal.url)
    await host(page)
    const hint = await theHost(shoal.url)
    await visit(shoal.url, hint, FIRST_VISITS)
    const before = await held(page, worker, browser.folder)
    await visit(shoal.url, hint, VISITS - FIRST_VISITS)
    await expect.poll(() => timersOf(worker), { timeout: 90_000 }).toBeLessThanOrEqual(before.timers + 5)
    const after = await held(page, worker, browser.folder)
    expect(after.connections).toBeLessThanOrEqual(before.connections + 1)
    // What is garbage by now goes when the browser finds the time.
    await expect.poll(async () => (await memoryOf(browser.folder)) - before.memory, { timeout: 90_000, intervals: [1000, 5000] }).toBeLessThan(ALLOWED_GROWTH)
    await visit(shoal.url, hint, 1)
  } finally {
    await browser.close()
    await shoal.clean()
    await rm(browser.folder, { recursive: true, force: true })
  }
})

test('a hosting tab bears strangers who read slowly or never, flood it with offers and open 1,000 streams, and serves others meanwhile', async () => {
  const shoal = await RunningShoal.start({ hosts: 0 })
  const folder = await newFolder()
  const hosting = await DiskBrowser.fresh()
  const tabs = await Tabs.launch()
  try {
    const page = await hosting.open(shoal.url)
    await host(page)
    const hint = await theHost(shoal.url)
    const owner = await tabs.open(shoal.url)
    await connected(owner, 1)
    await noCopies(owner)
    const before = await memoryOf(hosting.folder)

    const attack = async (): Promise<void> => {
      const reads = [await neverRead(join(shoal.url), hint), await readSlowly(join(shoal.url), hint)]
      const flooder = await floodWithStreams(hint, SHARD_PROTOCOL, 1000)
      expect(flooder.agreed).toBeGreaterThan(0)
      await floodWithOffers(join(shoal.url), hint)
      await openManyStreams(join(shoal.url), hint)
      for (const read of reads) await read()
      await expect.poll(() => flooder.open()).toBeLessThanOrEqual(16)
      await flooder.leave()
    }
    const store = async (name: string): Promise<string> => {
      const file = await randomFile(folder, name, 8 * MIB)
      await addFiles(owner, [file])
      await stored(owner, name, 60_000)
      return sha256(file)
    }
    let meanwhile = ''
    const peak = await peakDuring(hosting.folder, async () => {
      ;[meanwhile] = await Promise.all([store('meanwhile.bin'), attack()])
    })
    expect(peak - before).toBeLessThan(ALLOWED_PEAK)
    const afterwards = await store('afterwards.bin')
    expect(await sha256(await download(owner, 'Download meanwhile.bin'))).toBe(meanwhile)
    expect(await sha256(await download(owner, 'Download afterwards.bin'))).toBe(afterwards)
  } finally {
    await tabs.close()
    await hosting.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
    await rm(hosting.folder, { recursive: true, force: true })
  }
})
