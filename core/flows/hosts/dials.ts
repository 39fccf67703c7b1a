import type { Clock } from '../../ports/clock.ts'

/** Dials that began within the last `SLOW_MS`: a live host mostly answers within this, through a relay too. */
const QUICK_DIALS = 16
const SLOW_MS = 1000
/** Dials under way in all. With the 24 hosts that a search wants they stay under the streams that a pool has (`MAX_HOSTS`). */
const MOST_DIALS = 36
/** When all are taken, the oldest makes way for a host not tried yet after so long, in ms: whoever vanished without a word hangs until a time limit ends it. */
const PATIENCE_MS = 4000
/** How often those who wait look whether a dial has become slow, in ms. */
const STEP_MS = 250

interface Dial {
  readonly began: number
  readonly control: AbortController
  readonly done: Promise<unknown>
}

/** The dials of one search: hosts that are gone and hang do not hold up those that are there. */
export class Dials {
  private readonly clock: Clock
  private readonly open = new Set<Dial>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Begins a dial; `run` must end soon after its signal fires. One that rejects brought nobody. */
  start(run: (signal: AbortSignal) => Promise<void>): void {
    const control = new AbortController()
    const done = run(control.signal).then(
      () => this.open.delete(dial),
      () => this.open.delete(dial),
    )
    const dial: Dial = { began: this.clock.now(), control, done }
    this.open.add(dial)
  }

  /** Resolves when another dial may begin, or `signal` fires. */
  async room(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const dials = [...this.open]
      const [oldest] = dials
      if (dials.filter((dial) => this.age(dial) < SLOW_MS).length < QUICK_DIALS) {
        if (dials.length < MOST_DIALS || oldest === undefined) return
        if (this.age(oldest) >= PATIENCE_MS) {
          oldest.control.abort()
          await oldest.done
          continue
        }
      }
      await this.change(dials, signal)
    }
  }

  /** Resolves when all have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.open].map(({ done }) => done))
  }

  private age({ began }: Dial): number {
    return Math.abs(this.clock.now() - began)
  }

  private async change(dials: readonly Dial[], signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const step = this.clock.sleep(STEP_MS, AbortSignal.any([signal, over.signal])).catch(() => undefined)
    await Promise.race([step, ...dials.map(({ done }) => done)])
    over.abort()
  }
}
