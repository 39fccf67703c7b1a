import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from '@playwright/test'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { findChromium } from '../../start/chromium.mjs'
import { newFolder } from './shoal.ts'

const executablePath = await findChromium()

/** A browser with its data in a folder, as a person has it: it can be killed and opened again. */
export class DiskBrowser {
  readonly folder: string
  private context: BrowserContext | undefined

  constructor(folder: string) {
    this.folder = folder
  }

  static async fresh(): Promise<DiskBrowser> {
    return new DiskBrowser(await newFolder())
  }

  async open(url: string, options: BrowserContextOptions & { readonly args?: string[] } = {}): Promise<Page> {
    this.context = await chromium.launchPersistentContext(this.folder, {
      ...(executablePath === undefined ? {} : { executablePath }),
      acceptDownloads: true,
      ...options,
    })
    const page = this.context.pages()[0] ?? (await this.context.newPage())
    await page.goto(url)
    return page
  }

  /** Ends the browser process without warning, as a power cut does. */
  async kill(): Promise<void> {
    const browser = this.context?.browser()
    if (browser === null || browser === undefined) throw new Error('the browser is not open')
    const pid = await processOf(browser)
    const gone = new Promise((resolve) => browser.once('disconnected', resolve))
    process.kill(pid, 'SIGKILL')
    await gone
    this.context = undefined
  }

  async close(): Promise<void> {
    await this.context?.close()
    this.context = undefined
  }
}

/** Browsers of people who were never here, until the end of a test. */
export class FreshBrowsers {
  private readonly browsers: DiskBrowser[] = []

  async open(url: string): Promise<{ browser: DiskBrowser; page: Page }> {
    const browser = await DiskBrowser.fresh()
    this.browsers.push(browser)
    return { browser, page: await browser.open(url) }
  }

  async close(): Promise<void> {
    for (const browser of this.browsers.splice(0)) await browser.close()
  }
}

async function processOf(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as { processInfo: { type: string; id: number }[] }
  const main = processInfo.find((info) => info.type === 'browser')
  if (main === undefined) throw new Error('no browser process')
  return main.id
}

/** SHA-256 of a file on disk, hexadecimal. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
