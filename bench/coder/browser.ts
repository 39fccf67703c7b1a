import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { build, preview } from 'vite'
import { DiskBrowser } from '../../e2e/support/browser.ts'
import { newFolder } from '../../e2e/support/shoal.ts'
import type { CancelResult, KernelRates, ReadResult, StoreOptions, StoreResult } from './page/results.ts'

/** The page of this benchmark in a Chromium of its own, with its data on disk. */
export class BenchPage {
  readonly folder: string
  private readonly page: Page
  private readonly end: () => Promise<void>

  private constructor(folder: string, page: Page, end: () => Promise<void>) {
    this.folder = folder
    this.page = page
    this.end = end
  }

  static async open(): Promise<BenchPage> {
    const root = join(import.meta.dirname, 'page')
    const outDir = await newFolder()
    await build({ root, configFile: false, logLevel: 'error', build: { outDir, target: 'es2024', assetsInlineLimit: 0, emptyOutDir: true }, worker: { format: 'es' } })
    const server = await preview({ root, configFile: false, logLevel: 'error', build: { outDir }, preview: { port: 0 } })
    const browser = await DiskBrowser.fresh()
    const page = await browser.open(server.resolvedUrls?.local[0] ?? '')
    page.on('pageerror', (error) => { console.error(error) })
    return new BenchPage(browser.folder, page, async () => {
      await browser.close()
      await server.close()
      for (const folder of [browser.folder, outDir]) await rm(folder, { recursive: true, force: true })
    })
  }

  async choose(paths: readonly string[]): Promise<void> {
    await this.page.getByLabel('Files').setInputFiles([...paths])
  }

  store(options: StoreOptions): Promise<StoreResult> {
    return this.page.evaluate((given) => coderBench.store(chosen(), given), options)
  }

  read(lost: number): Promise<ReadResult> {
    return this.page.evaluate((rows) => coderBench.read(rows), lost)
  }

  kernels(): Promise<KernelRates> {
    return this.page.evaluate(() => coderBench.kernels())
  }

  cancel(times: number): Promise<CancelResult> {
    return this.page.evaluate((rounds) => coderBench.cancel(chosen()[0]!, rounds), times)
  }

  write(bytes: number, size: number): Promise<number> {
    return this.page.evaluate(([all, one]) => coderBench.write(all, one), [bytes, size] as const)
  }

  close(): Promise<void> {
    return this.end()
  }
}
