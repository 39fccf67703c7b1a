/** What became of one request to a host. */
export type Outcome = 'ok' | 'corrupt' | 'absent' | 'stalled'

/** What this peer saw itself of one host on one day (days since 1970, UTC). */
export interface ConductDay {
  readonly day: number
  readonly ok: number
  readonly corrupt: number
  readonly absent: number
  readonly stalled: number
}

/** Older conduct says nothing of a host any more (design.md 7). */
const MEMORY_DAYS = 30
const DAY_MS = 86_400_000

/** How heavily a bad day weighs: a damaged shard is worse than a lost one, a lost one worse than a slow answer. */
const WEIGHTS = { corrupt: 4, absent: 2, stalled: 1 } as const

/** `days` with one more outcome at `now` (ms since 1970); days that are too old fall away. Newest last. */
export function noteOutcome(days: readonly ConductDay[], outcome: Outcome, now: number): ConductDay[] {
  const day = Math.max(0, Math.floor(now / DAY_MS))
  const today = days.find((entry) => entry.day === day) ?? { day, ok: 0, corrupt: 0, absent: 0, stalled: 0 }
  const others = days.filter((entry) => entry.day !== day && entry.day > day - MEMORY_DAYS && entry.day <= day + 1)
  return [...others, { ...today, [outcome]: today[outcome] + 1 }].sort((a, b) => a.day - b.day)
}

/**
 * Conduct as a number: 0 (only bad) to 1 (flawless); a host never seen has 0.8. One incident counts once per day and kind: one evicted
 * disk is one incident, not a thousand.
 */
export function trust(days: readonly ConductDay[], now: number): number {
  const from = Math.floor(now / DAY_MS) - MEMORY_DAYS
  let good = 0
  let bad = 0
  for (const entry of days) {
    if (entry.day <= from) continue
    if (entry.ok > 0) good++
    for (const kind of ['corrupt', 'absent', 'stalled'] as const) if (entry[kind] > 0) bad += WEIGHTS[kind]
  }
  return (good + 1) / (good + 1.25 + bad)
}
