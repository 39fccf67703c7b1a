import { AppError } from '../core/base/errors.ts'
import type { Clock } from '../core/ports/clock.ts'

/** What strangers can make happen as often as they ask: a log must not fill the disk. */
const BY_STRANGERS: ReadonlySet<string> = new Set(['shard.sent-twice', 'shard.damaged', 'object.damaged'])
/** One line per code in so long, in ms. */
const SPAN_MS = 60_000

/**
 * A report that hands on everything, but what strangers cause at most once per code and minute. The next one of that code then says in its data how
 * many were left `unsaid` before it.
 */
export function seldom(report: (error: AppError) => void, clock: Clock): (error: AppError) => void {
  const told = new Map<string, { readonly at: number; unsaid: number }>()
  return (error) => {
    const { kind, code, message, data } = error
    if (!BY_STRANGERS.has(code)) return report(error)
    const before = told.get(code)
    // A clock that was set back must not silence a code for longer.
    if (before !== undefined && Math.abs(clock.now() - before.at) < SPAN_MS) {
      before.unsaid++
      return
    }
    told.set(code, { at: clock.now(), unsaid: 0 })
    const unsaid = before?.unsaid ?? 0
    report(unsaid === 0 ? error : new AppError(kind, code, message, { data: { ...data, unsaid }, cause: error.cause }))
  }
}
