import type { Page } from '@playwright/test'

/** What is looked at inside the page while it does the work itself. Nothing of it is in Shoal: it watches the page, and stands where the browser's downloads are. */
interface Watch {
  /** Milliseconds of each task over 50 ms since the last look. */
  tasks: number[]
  /** When the row said that its file is stored. */
  stored: Map<string, number>
  /** Takes the URL that the page hands to a hidden frame for the browser to download. */
  take: ((url: string) => void) | undefined
}
type Scope = typeof globalThis & { bench: Watch }

/** Call it before the page is opened. */
export async function watchPage(page: Page): Promise<void> {
  await page.addInitScript(install)
}

function install(): void {
  const watch: Watch = { tasks: [], stored: new Map(), take: undefined }
  ;(globalThis as Scope).bench = watch
  new PerformanceObserver((list) => watch.tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' })
  const { set } = Object.getOwnPropertyDescriptor(HTMLIFrameElement.prototype, 'src')!
  Object.defineProperty(HTMLIFrameElement.prototype, 'src', {
    set(url: string) {
      if (watch.take === undefined) set!.call(this, url)
      else watch.take(url)
    },
  })
}

/** Tasks over 50 ms since the last call, in ms each. */
export function longTasks(page: Page): Promise<number[]> {
  return page.evaluate(() => (globalThis as Scope).bench.tasks.splice(0))
}

/** Seconds from the moment the page has been given files until the rows of all of them say that they are stored. */
export async function storeTime(page: Page, paths: readonly string[], names: readonly string[]): Promise<number> {
  const done = page.evaluate(waitForRows, [...names])
  await page.getByLabel('Add files').setInputFiles([...paths])
  return done
}

function waitForRows(names: readonly string[]): Promise<number> {
  const left = new Set(names)
  const input = new Promise<number>((resolve) => document.addEventListener('change', () => resolve(performance.now()), { once: true, capture: true }))
  return new Promise((resolve) => {
    const look = (): void => {
      for (const row of document.querySelectorAll('table[aria-label="Files"] tbody tr')) {
        const name = row.querySelector('th')?.textContent.trim() ?? ''
        if (left.has(name) && /Safe · survives|Stored · survives/.test(row.textContent)) left.delete(name)
      }
      if (left.size > 0) return
      observer.disconnect()
      const end = performance.now()
      void input.then((begin) => resolve((end - begin) / 1000))
    }
    const observer = new MutationObserver(look)
    observer.observe(document.body, { subtree: true, childList: true, characterData: true })
  })
}

export interface Fetched {
  readonly seconds: number
  readonly bytes: number
}

/** Seconds from the press on `button` until the last byte of the download is in the page. */
export async function fetchTime(page: Page, button: string): Promise<Fetched> {
  await page.evaluate(async () => {
    while (navigator.serviceWorker.controller === null) await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }))
  })
  return page.evaluate(fetchIt, button)
}

async function fetchIt(name: string): Promise<Fetched> {
  const { bench } = globalThis as Scope
  const button = [...document.querySelectorAll('button')].find((one) => (one.getAttribute('aria-label') ?? one.textContent.trim()) === name)
  const url = new Promise<string>((resolve) => (bench.take = resolve))
  const begin = performance.now()
  button!.click()
  const { body, ok } = await fetch(await url)
  if (!ok || body === null) throw new Error(`no ${name}`)
  const reader = body.getReader()
  let bytes = 0
  for (let part = await reader.read(); !part.done; part = await reader.read()) bytes += part.value.byteLength
  const seconds = (performance.now() - begin) / 1000
  bench.take = undefined
  return { seconds, bytes }
}
