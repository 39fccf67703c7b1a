import type { LockQueue, LockWish } from '../leader/election.ts'

interface Held {
  readonly steal: () => void
}

/** One exclusive lock of one browser, as the Web Locks API has it. */
export class FakeLocks implements LockQueue {
  private held: Held | undefined
  private readonly queue: (() => void)[] = []

  async request(_name: string, wish: LockWish, task: (lock: object | null) => Promise<void>): Promise<void> {
    if (wish.ifAvailable === true && this.held !== undefined) return task(null)
    if (wish.steal === true) this.held?.steal()
    else if (this.held !== undefined) await this.turn(wish.signal)
    await this.hold(task)
  }

  private turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.queue.push(resolve)
      signal?.addEventListener('abort', () => {
        const at = this.queue.indexOf(resolve)
        if (at < 0) return
        this.queue.splice(at, 1)
        reject(new DOMException('the wait was ended', 'AbortError'))
      })
    })
  }

  private async hold(task: (lock: object | null) => Promise<void>): Promise<void> {
    const stolen = Promise.withResolvers<never>()
    const held = { steal: () => stolen.reject(new DOMException('stolen', 'AbortError')) }
    this.held = held
    try {
      await Promise.race([task({}), stolen.promise])
    } finally {
      if (this.held === held) {
        this.held = undefined
        this.queue.shift()?.()
      }
    }
  }
}
