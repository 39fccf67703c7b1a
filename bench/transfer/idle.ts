import type { Page } from '@playwright/test'
import { readFile } from 'node:fs/promises'
import { links } from '../../e2e/support/links.ts'
import { processesOf } from '../../e2e/support/processes.ts'

/** Linux counts CPU time in these, per second. */
const TICKS = 100
/** How long is looked, in ms. */
const LOOK_MS = 30_000

/** Counts what a page's WebSockets carry, the peer worker's included. Call it before the page is opened. */
export function countSockets(page: Page): () => number {
  let bytes = 0
  const count = ({ payload }: { payload: string | Buffer }): void => void (bytes += Buffer.byteLength(payload))
  page.on('websocket', (socket) => {
    socket.on('framesent', count)
    socket.on('framereceived', count)
  })
  return () => bytes
}

export interface Idle {
  /** Part of one core that the page's renderer takes, in percent. */
  readonly cpu: number
  /** Bytes per second over all direct links and WebSockets, both ways. */
  readonly traffic: number
  /** Direct links at the end. */
  readonly links: number
}

/** Watches a browser (of which `folder` has the data) that has one tab open and nothing to do. */
export async function idle(page: Page, folder: string, sockets: () => number): Promise<Idle> {
  const before = { traffic: sockets() + (await carried(page)), at: performance.now() }
  const cpu = await idleCpu(folder)
  const seconds = (performance.now() - before.at) / 1000
  const live = (await links(page)).filter(({ state }) => state === 'connected').length
  return {
    cpu,
    traffic: (sockets() + (await carried(page)) - before.traffic) / seconds,
    links: live,
  }
}

/** Percent of a core that the renderers of a browser (of which `folder` has the data) take. */
export async function idleCpu(folder: string): Promise<number> {
  const renderers = await processesOf(folder, '--type=renderer')
  const [before, at] = [await ticks(renderers), performance.now()]
  await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  return (((await ticks(renderers)) - before) * 1000 * 100) / TICKS / (performance.now() - at)
}

async function carried(page: Page): Promise<number> {
  return (await links(page)).reduce((sum, { sent, received }) => sum + sent + received, 0)
}

/** CPU time of these processes so far (proc(5): fields 14 and 15 of stat, the 12th and 13th after the name in brackets). */
async function ticks(pids: readonly number[]): Promise<number> {
  let sum = 0
  for (const pid of pids) {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    sum += Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  }
  return sum
}
