import type { Page } from '@playwright/test'

/** One task of the page's main thread, in ms: how long it stood there, and what of that the processor worked on it. */
export interface Task {
  readonly wall: number
  readonly cpu: number
}

interface TraceEvent {
  readonly pid: number
  readonly tid: number
  readonly ph: string
  readonly name: string
  /** Microseconds. */
  readonly dur?: number
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

/** Shorter tasks are not looked at, in µs: one that works longer than the limit of 50 ms also stands there for as long. */
const SHORTEST = 10_000

/**
 * Traces the tasks of all pages of a browser while `work` is done. On a machine whose processors are all taken a task is long because it waits for
 * one; the trace tells its own work from that. It slows the browser down: not for timing anything else.
 */
export async function tasksDuring(page: Page, work: () => Promise<void>): Promise<Task[]> {
  const session = await page.context().newCDPSession(page)
  const tasks: TraceEvent[] = []
  const mains = new Set<string>()
  session.on('Tracing.dataCollected', ({ value }) => {
    const events: readonly unknown[] = value
    for (const event of events.filter(isTraceEvent)) {
      if (event.name === 'thread_name' && event.args?.name === 'CrRendererMain') mains.add(`${event.pid}/${event.tid}`)
      if (event.ph === 'X' && (event.dur ?? 0) >= SHORTEST) tasks.push(event)
    }
  })
  await session.send('Tracing.start', { traceConfig: { includedCategories: ['toplevel'], excludedCategories: ['*'] }, transferMode: 'ReportEvents' })
  await work()
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
  await session.send('Tracing.end')
  await complete
  await session.detach()
  if (mains.size === 0) throw new Error('the trace names no main thread')
  return tasks.filter(({ pid, tid }) => mains.has(`${pid}/${tid}`)).map(({ dur = 0, tdur }) => {
    if (tdur === undefined) throw new Error('the trace has no times of the processor')
    return { wall: dur / 1000, cpu: tdur / 1000 }
  })
}

function isTraceEvent(value: unknown): value is TraceEvent {
  if (typeof value !== 'object' || value === null) return false
  return 'pid' in value && 'tid' in value && 'ph' in value && 'name' in value && (!('dur' in value) || typeof value.dur === 'number')
}
