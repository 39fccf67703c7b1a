import type { Clock } from '../ports/clock.ts'

/** At most `burst` at once and `rate` per second in the long run. */
export class TokenBucket {
  private tokens: number
  private last: number
  private readonly rate: number
  private readonly burst: number
  private readonly clock: Clock

  constructor(rate: number, burst: number, clock: Clock) {
    this.rate = rate
    this.burst = burst
    this.clock = clock
    this.tokens = burst
    this.last = clock.now()
  }

  /** Takes one, or says that there is none. */
  tryTake(): boolean {
    this.refill()
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }

  /** Takes one, waiting for it. Rejects `aborted`. */
  async take(signal?: AbortSignal): Promise<void> {
    while (!this.tryTake()) await this.clock.sleep(Math.ceil(((1 - this.tokens) * 1000) / this.rate), signal)
  }

  private refill(): void {
    const now = this.clock.now()
    // A clock that jumps back gives nothing and takes nothing.
    const gained = (Math.max(0, now - this.last) * this.rate) / 1000
    this.tokens = Math.min(this.burst, this.tokens + gained)
    this.last = now
  }
}
