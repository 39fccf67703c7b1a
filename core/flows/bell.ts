import { AppError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'

/** Wakes whoever waits: `wait` resolves at the next `ring` after it was called. */
export class Bell {
  private waiters = new Set<() => void>()

  ring(): void {
    const waiters = this.waiters
    this.waiters = new Set()
    for (const wake of waiters) wake()
  }

  /** Rejects `aborted` when `signal` fires first. */
  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(cancelled(signal))
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.waiters.delete(wake)
        reject(cancelled(signal))
      }
      const wake = (): void => {
        signal.removeEventListener('abort', stop)
        resolve()
      }
      this.waiters.add(wake)
      signal.addEventListener('abort', stop, { once: true })
    })
  }
}

/** Whether `signal` has fired by now: asked anew after each wait. */
export function isOver(signal: AbortSignal): boolean {
  return signal.aborted
}

/** Resolves at the next ring of `bell`, or after `ms` milliseconds. Rejects `aborted` when `signal` fires first. */
export async function ringOr(bell: Bell, ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const stop = AbortSignal.any([signal, over.signal])
  try {
    await Promise.race([bell.wait(stop), clock.sleep(ms, stop)])
  } finally {
    over.abort()
  }
}

function cancelled(signal: AbortSignal): AppError {
  return new AppError('aborted', 'aborted', 'cancelled', { cause: signal.reason })
}
