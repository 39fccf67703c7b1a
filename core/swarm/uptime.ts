import { asAppError, type AppError } from '../base/errors.ts'
import { decode, encode, list, struct, uint, versioned } from '../formats/codec.ts'
import type { Clock } from '../ports/clock.ts'
import type { MetaStore } from '../ports/meta-store.ts'

const KEY = 'uptime'
const DAYS = 30
const HOUR_MS = 60 * 60 * 1000
/** A month of hours, and one more for the hour that began. */
const HOURS = DAYS * 24

/** Hours since 1970 in which this host was online, oldest first. */
const hours = versioned(1, list(struct<{ hour: number }>({ hour: uint() }), HOURS + 1))

/**
 * Notes each hour in which this host runs, until `signal` fires. The function returned gives its uptime class: tenths of the last 30 days,
 * or of the time since it first started, when that is shorter (docs/formats/receipt.md).
 */
export async function openUptime(meta: MetaStore, clock: Clock, report: (error: AppError) => void, signal: AbortSignal): Promise<() => number> {
  const stored = await meta.get(KEY)
  let online = stored === undefined ? [] : decode(hours, stored).map(({ hour }) => hour)
  // A clock that was set back leaves hours behind that are still to come: they count no more.
  const seen = (now: number): number[] => [...online.filter((hour) => hour > now - HOURS && hour < now), now]
  const note = async (): Promise<void> => {
    online = seen(Math.floor(clock.now() / HOUR_MS))
    await meta.batch([{ put: KEY, value: encode(hours, online.map((hour) => ({ hour }))) }])
  }
  const keep = async (): Promise<void> => {
    while (!signal.aborted) {
      await note().catch((error: unknown) => report(asAppError(error)))
      await clock.sleep(HOUR_MS, signal).catch(() => undefined)
    }
  }
  void keep()
  return () => {
    const now = Math.floor(clock.now() / HOUR_MS)
    const known = seen(now)
    const span = now - (known[0] ?? now) + 1
    return Math.floor((10 * known.length) / span)
  }
}
