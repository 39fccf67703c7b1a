import { chromium, expect, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from '@playwright/test'
import { findChromium } from '../../start/chromium.mjs'

const executablePath = await findChromium()

/** Tabs that start at once: more of them make each other late on two cores. */
const TOGETHER = 4
/** A tab that loads while others do. */
const LOAD_TIME = 60_000

/** Whoever says good-bye is missed at once; who does not, after the 15 s and more that ICE waits. */
export const MISSED_WITHIN = 12_000

/** One Chromium with many people in it: each has a context, and so storage and a key of its own. */
export class Tabs {
  private readonly browser: Browser

  private constructor(browser: Browser) {
    this.browser = browser
  }

  static async launch(): Promise<Tabs> {
    return new Tabs(await chromium.launch(executablePath === undefined ? {} : { executablePath }))
  }

  context(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    return this.browser.newContext({ acceptDownloads: true, ...options })
  }

  /** A tab of somebody who was never here. */
  async open(url: string): Promise<Page> {
    const page = await (await this.context()).newPage()
    await page.goto(url)
    return page
  }

  /** `count` tabs of as many people, all of whom host. */
  async hosts(url: string, count: number): Promise<Page[]> {
    const pages: Page[] = []
    while (pages.length < count) {
      const batch = Array.from({ length: Math.min(TOGETHER, count - pages.length) }, async () => openHostTab(await this.context(), url))
      pages.push(...(await Promise.all(batch)))
    }
    return pages
  }

  close(): Promise<void> {
    return this.browser.close()
  }
}

/** Opens Shoal and switches `Host for others` on. Whether others find the tab is theirs to see. */
export async function openHostTab(context: BrowserContext, url: string): Promise<Page> {
  const page = context.pages()[0] ?? (await context.newPage())
  await page.goto(url)
  await host(page)
  return page
}

/** Switches `Host for others` on, unless it is. */
export async function host(page: Page): Promise<void> {
  const hosting = page.getByRole('switch', { name: 'Host for others' })
  await expect(hosting).toBeEnabled({ timeout: LOAD_TIME })
  // Not `check`, which wants the change in the same moment: the peer worker says when it is so.
  if (!(await hosting.isChecked())) await hosting.click()
  await expect(hosting).toBeChecked({ timeout: LOAD_TIME })
}

/** The person leaves: tab and browser profile are gone. */
export async function leave(pages: readonly Page[]): Promise<void> {
  await Promise.all(pages.map((page) => page.context().close()))
}
