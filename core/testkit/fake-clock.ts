import { AppError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'

interface Sleeper {
  readonly due: number
  wake(): void
}

/** A clock that stands still until a test moves it. Starts at 2026-01-01 UTC. */
export class FakeClock implements Clock {
  private time: number
  private sleepers: Sleeper[] = []
  private jumps = 0

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.time = start
  }

  now(): number {
    return this.time
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.sleepers = this.sleepers.filter((other) => other !== sleeper)
        reject(new AppError('aborted', 'aborted', 'cancelled', { cause: signal?.reason }))
      }
      const wake = () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }
      const sleeper = { due: this.time + Math.max(0, ms), wake }
      if (signal?.aborted === true) return stop()
      this.sleepers.push(sleeper)
      signal?.addEventListener('abort', stop, { once: true })
    })
  }

  /** How many calls of `sleep` are waiting. */
  get sleeping(): number {
    return this.sleepers.length
  }

  /** Moves time on by `ms`, waking sleepers in their order; pending work runs before the first, between, and after them. */
  async advance(ms: number): Promise<void> {
    const { jumps } = this
    const end = this.time + ms
    await settle()
    for (let next = this.earliest(end); next !== undefined; next = this.earliest(end)) {
      this.sleepers = this.sleepers.filter((other) => other !== next)
      this.time = Math.max(this.time, next.due)
      next.wake()
      await settle()
    }
    // A jump meanwhile is not undone.
    if (jumps === this.jumps) this.time = end
  }

  /** Sets the time without waking anybody: a clock that jumps. */
  jump(to: number): void {
    this.jumps++
    this.time = to
  }

  private earliest(limit: number): Sleeper | undefined {
    let first: Sleeper | undefined
    for (const sleeper of this.sleepers) if (sleeper.due <= limit && (first === undefined || sleeper.due < first.due)) first = sleeper
    return first
  }
}

/** Lets everything run that can run without time passing: promises, and what WebCrypto or a memory fake answers at once. */
export async function settle(turns = 4): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 0)
    })
  }
}
