import type { Page, Worker } from '@playwright/test'
import { join } from 'node:path'

/** What a Shoal is started with so that its peer workers count their timers. Routing the worker's script instead would leave its own requests without an answer. */
export const COUNTS_TIMERS = join(import.meta.dirname, 'count-timers.mjs')

/** The peer worker of `page`, which opens Shoal at `url`. */
export async function openCounted(page: Page, url: string): Promise<Worker> {
  const starting = page.waitForEvent('worker', (worker) => worker.url().includes('peer-worker'))
  await page.goto(url)
  return starting
}

/** Timers that wait in that worker. */
export function timersOf(worker: Worker): Promise<number> {
  return worker.evaluate(() => (globalThis as unknown as { waitingTimers: Set<unknown> }).waitingTimers.size)
}
