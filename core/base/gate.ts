import { AppError } from './errors.ts'

interface Waiter {
  readonly amount: number
  readonly pass: () => void
}

/**
 * A budget of `limit` units (jobs, bytes): `enter` waits, first come first served, until its amount fits. An amount over the whole limit
 * passes alone, so that nothing waits for ever.
 */
export class Gate {
  private used = 0
  private waiters: Waiter[] = []
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  /** Units taken now. */
  get taken(): number {
    return this.used
  }

  /** Takes `amount` units; give them back with `leave`. Rejects `aborted` when `signal` fires first, having taken nothing. */
  enter(amount: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(cancelled(signal))
    if (this.waiters.length === 0 && this.fits(amount)) {
      this.used += amount
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.waiters = this.waiters.filter((other) => other !== waiter)
        this.admit()
        reject(cancelled(signal))
      }
      const waiter = {
        amount,
        pass: () => {
          signal?.removeEventListener('abort', stop)
          resolve()
        },
      }
      this.waiters.push(waiter)
      signal?.addEventListener('abort', stop, { once: true })
    })
  }

  /** Takes `amount` units without waiting, over the limit if need be: for what is there already. */
  force(amount: number): void {
    this.used += amount
  }

  leave(amount: number): void {
    this.used = Math.max(0, this.used - amount)
    this.admit()
  }

  private fits(amount: number): boolean {
    return this.used === 0 || this.used + amount <= this.limit
  }

  private admit(): void {
    for (let next = this.waiters[0]; next !== undefined && this.fits(next.amount); next = this.waiters[0]) {
      this.waiters.shift()
      this.used += next.amount
      next.pass()
    }
  }
}

function cancelled(signal: AbortSignal | undefined): AppError {
  return new AppError('aborted', 'aborted', 'cancelled', { cause: signal?.reason })
}
