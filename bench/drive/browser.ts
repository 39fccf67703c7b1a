import type { Page, Worker } from '@playwright/test'
import { rm } from 'node:fs/promises'
import { Drive } from '../../core/drive/drive.ts'
import { OwnDrive } from '../../core/flows/drive/own-drive.ts'
import { Journal } from '../../core/flows/journal.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../../core/testkit/memory-meta-store.ts'
import { DiskBrowser } from '../../e2e/support/browser.ts'
import { connected } from '../../e2e/support/page.ts'
import { RunningShoal } from '../../e2e/support/shoal.ts'
import { build, options } from './build.ts'

const MIB = 2 ** 20
const ROUNDS = 3
const RENAMES = 20
const STEPS = 60
/** How a figure is told, beside its bar. */
type Bar = (metric: string, value: number, unit: string, reference: number) => void
/** What is noted inside the page while it works. */
type Scope = typeof globalThis & { tasks: number[]; drawn: number; gc?: () => void }
const BARS = { open: 1500, keystroke: 50, rename: 20, heap: 250 }
const QUERIES = ['holiday', 'müller 12', 'summer invoice', '2024 ']

/** The same list in a real page of a real browser: until its rows stand there, and while somebody types, renames and scrolls. */
export async function measurePage(entries: number, bar: Bar): Promise<void> {
  // One folder has half of it, to scroll through.
  const snapshot = Drive.merge([build(entries / 2), build(entries / 2, entries)])
  const drive = Drive.open([snapshot], options(4))
  const shoal = await RunningShoal.start({ hosts: 0 })
  const browser = await DiskBrowser.fresh()
  try {
    const page = await browser.open(shoal.url, { args: ['--js-flags=--expose-gc', '--enable-precise-memory-info'] })
    await connected(page, 0)
    await page.addInitScript(watch)
    // A page of the same origin that does not open the list.
    await page.goto(`${shoal.url}/manifest.webmanifest`)
    await page.evaluate(put, [...(await kept(snapshot))])
    const opened: number[] = []
    for (let round = 0; round < ROUNDS; round++) opened.push(await openTime(page, shoal.url))
    bar('page with 100,000 entries: from loading it to the first row', median(opened), 'ms', BARS.open)
    bar('page: from a keystroke to what it finds, 95th percentile', p95(await keystrokes(page, drive)), 'ms', BARS.keystroke)
    bar('page: from Enter to the new name, 95th percentile', p95(await renames(page)), 'ms', BARS.rename)
    const big = drive.view.children('').toSorted((a, b) => drive.view.children(b.id).length - drive.view.children(a.id).length)[0]
    const { tasks, rows } = await scroll(page, `${shoal.url}/#/f/${big?.id ?? ''}`)
    if (rows < STEPS) throw new Error('the list was not scrolled')
    bar('page: tasks over 50 ms while 50,000 rows are scrolled', tasks.length, 'tasks', 0)
    bar('page: the longest of them', Math.max(0, ...tasks), 'ms', 50)
    bar('page: heap of the peer worker, after collecting', await heap(page), 'MiB', BARS.heap)
  } finally {
    await browser.close()
    await shoal.clean()
    await rm(browser.folder, { recursive: true, force: true })
  }
}

/** What a device keeps of a drive. */
async function kept(snapshot: Uint8Array): Promise<[string, string][]> {
  const disk = memoryMetaDisk()
  const own = await OwnDrive.open(new Journal(new MemoryMetaStore(disk)), { ...options(5), report: (error) => { throw error } })
  own.drive.apply(snapshot)
  await own.save()
  return [...disk.entries].map(([key, value]) => [key, Buffer.from(value).toString('base64')])
}

async function openTime(page: Page, url: string): Promise<number> {
  await page.goto('about:blank')
  await page.goto(url)
  await page.waitForFunction(() => (globalThis as Scope).drawn > 0, undefined, { timeout: 120_000 })
  return page.evaluate(() => (globalThis as Scope).drawn)
}

async function keystrokes(page: Page, drive: Drive): Promise<number[]> {
  const times: number[] = []
  for (const query of QUERIES) {
    let before = -1
    for (let length = 1; length <= query.length; length++) {
      const typed = query.slice(0, length)
      const found = drive.view.search(typed).length
      const time = await page.evaluate(type, [typed, found] as const)
      // Where as much is found as before nothing tells when the answer came.
      if (found !== before) times.push(time)
      before = found
    }
    await page.evaluate(type, ['', drive.view.children('').length] as const)
  }
  return times
}

async function renames(page: Page): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < RENAMES; i++) {
    const row = page.getByRole('table', { name: 'Files' }).locator('tbody tr[aria-rowindex]').nth(i)
    await row.focus()
    await page.keyboard.press('F2')
    const name = `0 renamed ${String(i).padStart(3, '0')}`
    await page.getByRole('textbox', { name: 'Name' }).fill(name)
    const done = page.evaluate(renamed, name)
    await page.keyboard.press('Enter')
    times.push(await done)
  }
  return times
}

async function scroll(page: Page, url: string): Promise<{ tasks: number[]; rows: number }> {
  await page.goto(url)
  await page.waitForFunction(() => Number(document.querySelector('table[aria-label="Files"]')?.getAttribute('aria-rowcount')) > 10_000, undefined, { timeout: 120_000 })
  return page.evaluate(async (steps) => {
    const scope = globalThis as Scope
    const box = document.querySelector('table[aria-label="Files"]')!.parentElement!
    const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => { resolve() }))
    const seen = new Set<string>()
    scope.tasks.length = 0
    for (let i = 0; i < steps; i++) {
      // Turns of the wheel, and now and then a pull at the bar.
      box.scrollTop = i % 10 === 9 ? (box.scrollHeight * i) / steps : box.scrollTop + 300
      for (let frames = 0; frames < 6; frames++) await frame()
      seen.add(box.querySelector('tbody th')?.textContent ?? '')
      seen.add(String(box.scrollTop))
    }
    return { tasks: scope.tasks.splice(0), rows: seen.size }
  }, STEPS)
}

/** MiB of the heap that is alive. */
async function heap(page: Page): Promise<number> {
  const worker = page.workers().find((one: Worker) => /peer/.test(one.url()))
  if (worker === undefined) throw new Error('no peer worker')
  const bytes = await worker.evaluate(() => {
    const scope = globalThis as Scope
    scope.gc?.()
    scope.gc?.()
    const { memory } = performance as Performance & { memory?: { usedJSHeapSize: number } }
    return scope.gc === undefined ? Number.NaN : (memory?.usedJSHeapSize ?? Number.NaN)
  })
  if (Number.isNaN(bytes)) throw new Error('this browser does not tell the heap of a worker')
  return bytes / MIB
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function p95(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? Number.NaN
}

// What follows runs in the page, so each function stands for itself.

function watch(): void {
  const scope = globalThis as Scope
  scope.tasks = []
  scope.drawn = 0
  new PerformanceObserver((list) => scope.tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' })
  const look = (): void => {
    if (document.querySelector('table[aria-label="Files"] tbody th') === null) return
    scope.drawn = performance.now()
    observer.disconnect()
  }
  const observer = new MutationObserver(look)
  observer.observe(document, { subtree: true, childList: true })
}

async function put(entries: readonly (readonly [string, string])[]): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('shoal')
    request.onsuccess = () => { resolve(request.result) }
    request.onerror = () => { reject(new Error('not opened')) }
  })
  const transaction = database.transaction('list', 'readwrite')
  for (const [key, value] of entries) transaction.objectStore('list').put(Uint8Array.from(atob(value), (character) => character.charCodeAt(0)), key)
  await new Promise((resolve) => { transaction.oncomplete = resolve })
  database.close()
}

/** Milliseconds from typing the whole of `query` so far until the list has as many rows as it finds. */
function type([query, found]: readonly [string, number]): Promise<number> {
  const input = document.querySelector<HTMLInputElement>('input[aria-label="Search"]')!
  const table = document.querySelector('table[aria-label="Files"]')!
  return new Promise((resolve) => {
    const begin = performance.now()
    const look = (): void => {
      if (table.getAttribute('aria-rowcount') !== String(found + 1)) return
      observer.disconnect()
      resolve(performance.now() - begin)
    }
    const observer = new MutationObserver(look)
    observer.observe(table, { subtree: true, childList: true, characterData: true, attributes: true })
    input.value = query
    input.dispatchEvent(new Event('input', { bubbles: true }))
    look()
  })
}

/** Milliseconds from the next Enter until a row has this name. */
function renamed(name: string): Promise<number> {
  return new Promise((resolve) => {
    let begin = 0
    document.addEventListener('keydown', () => (begin = performance.now()), { once: true, capture: true })
    const observer = new MutationObserver(() => {
      if (![...document.querySelectorAll('table[aria-label="Files"] tbody th')].some((cell) => cell.textContent.trim() === name)) return
      observer.disconnect()
      resolve(performance.now() - begin)
    })
    observer.observe(document.body, { subtree: true, childList: true, characterData: true })
  })
}
