import type { PeerKey } from '../ports/network.ts'

/** The pieces of one chunk, one entry per row: its host, or `undefined` for a row known to be bad or lost. Any `k` good rows restore it. */
export interface Spread {
  readonly k: number
  readonly rows: readonly (PeerKey | undefined)[]
}

/**
 * The greatest number of hosts that may leave, whichever they are, with every chunk still restorable: for each chunk the worst
 * departures are those of the hosts with most of its good rows. -1 when a chunk has fewer than k good rows already; Infinity for no chunks.
 */
export function survives(spreads: Iterable<Spread>): number {
  let least = Infinity
  for (const spread of spreads) least = Math.min(least, survivesOne(spread))
  return least
}

function survivesOne({ k, rows }: Spread): number {
  const held = new Map<PeerKey, number>()
  let good = 0
  for (const host of rows) {
    if (host === undefined) continue
    held.set(host, (held.get(host) ?? 0) + 1)
    good++
  }
  let left = good
  let count = -1
  for (const rowsOfHost of [0, ...[...held.values()].sort((a, b) => b - a)]) {
    left -= rowsOfHost
    if (left < k) return count
    count++
  }
  return count
}
