/** Speed is that of the last seconds: long enough to be calm, short enough to be true. */
const SPAN_MS = 8000
/** Samples closer together than this are one sample. */
const STEP_MS = 250
/** A speed from less than this is noise, and is not told. */
const MIN_MS = 1000

/** Bytes per second over the last seconds, from running totals. */
export class Meter {
  private samples: { at: number; total: number }[] = []

  /** `total` bytes are done at `now` (ms). A clock that jumped back, or a total that did, starts it afresh. */
  note(total: number, now: number): void {
    const last = this.samples.at(-1)
    if (last !== undefined && (now < last.at || total < last.total)) this.samples = []
    if (last !== undefined && this.samples.length > 1 && now - (this.samples.at(-2)?.at ?? 0) < STEP_MS) this.samples.pop()
    this.samples.push({ at: now, total })
    while (this.samples.length > 2 && (this.samples[1]?.at ?? now) <= now - SPAN_MS) this.samples.shift()
  }

  /** Bytes per second up to `now`, or `undefined` while too little was seen. */
  speed(now: number): number | undefined {
    const first = this.samples[0]
    const last = this.samples.at(-1)
    if (first === undefined || last === undefined || now - first.at < MIN_MS) return undefined
    return ((last.total - first.total) * 1000) / (now - first.at)
  }
}
