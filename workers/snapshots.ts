import type { Clock } from '../core/ports/clock.ts'
import type { Snapshot } from './contract.ts'

/** Snapshots go out this often at most, in ms: as fast as a person can read. */
const INTERVAL_MS = 250

/** Pages of one browser that watch: one each, and those that were closed without a word. */
const MAX_LISTENERS = 32

type Listener = (snapshot: Snapshot) => unknown

/** Sends snapshots to those who watch: at once after a change, but at most four times a second, and only when something differs. */
export class Snapshots {
  private readonly listeners: Listener[] = []
  private readonly take: () => Snapshot
  private readonly clock: Clock
  private last = ''
  private current: Snapshot
  private sending: Promise<void> | undefined
  private dirty = false

  /** `take` makes the snapshot of this moment; it is called only when `changed` was. */
  constructor(take: () => Snapshot, clock: Clock) {
    this.take = take
    this.clock = clock
    this.current = take()
    this.last = JSON.stringify(this.current)
  }

  /** Tells `listener` the newest snapshot, now and from now on. Of too many the oldest is forgotten. */
  watch(listener: Listener): void {
    this.listeners.push(listener)
    if (this.listeners.length > MAX_LISTENERS) this.listeners.shift()
    this.tell(listener)
  }

  /** Something that is shown may have changed. */
  changed(): void {
    this.dirty = true
    this.sending ??= this.send()
  }

  private async send(): Promise<void> {
    while (this.dirty) {
      this.dirty = false
      this.update()
      await this.clock.sleep(INTERVAL_MS)
    }
    this.sending = undefined
  }

  private update(): void {
    const next = this.take()
    const text = JSON.stringify(next)
    if (text === this.last) return
    this.last = text
    this.current = next
    for (const listener of [...this.listeners]) this.tell(listener)
  }

  private tell(listener: Listener): void {
    // A page that is gone does not answer; one that throws is its own problem. Neither may stop the others.
    void Promise.resolve(listener(this.current)).catch(() => undefined)
  }
}
