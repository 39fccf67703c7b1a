import type { Page, Worker } from '@playwright/test'

/** Put before the peer worker's own code: keeps the timers that wait. It says nothing of those that the browser itself has. */
const COUNTER = `{
  const waiting = (globalThis.waitingTimers = new Set())
  for (const [set, clear, once] of [['setTimeout', 'clearTimeout', true], ['setInterval', 'clearInterval', false]]) {
    const [real, end] = [globalThis[set], globalThis[clear]]
    globalThis[set] = (act, ...rest) => {
      const id = real((...given) => {
        if (once) waiting.delete(id)
        act(...given)
      }, ...rest)
      waiting.add(id)
      return id
    }
    globalThis[clear] = (id) => {
      waiting.delete(id)
      end(id)
    }
  }
}
`

/** Opens Shoal at `url` with a peer worker that counts its timers. The context must block service workers, or they would answer instead. */
export async function countTimers(page: Page, url: string): Promise<Worker> {
  await page.route(/\/assets\/peer-worker[^/]*\.js$/, async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, body: COUNTER + (await response.text()) })
  })
  const starting = page.waitForEvent('worker', (worker) => worker.url().includes('peer-worker'))
  await page.goto(url)
  return starting
}

/** Timers that wait in that worker. */
export function timersOf(worker: Worker): Promise<number> {
  return worker.evaluate(() => (globalThis as unknown as { waitingTimers: Set<unknown> }).waitingTimers.size)
}
