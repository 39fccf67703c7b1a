import { AppError } from '../base/errors.ts'
import type { PeerKey } from '../ports/network.ts'

/** A host that could take shards now. */
export interface Candidate {
  readonly key: PeerKey
  /** Bytes it says it still takes; 0 when full. */
  readonly room: number
  /** What was seen of its conduct: 0 (only bad) to 1 (flawless), see `trust`. */
  readonly trust: number
}

/** Conduct is compared in steps, so that a hair's breadth of it does not outweigh room. */
const TRUST_STEPS = 4

/**
 * The ordered host list of a new group: slot i holds row i of each of its chunks. The best hosts come first; when there are fewer than
 * `n`, they double up evenly (no host has two rows more than another), which keeps the worst departure as small as it can be.
 * Hosts that are full are not used. Returns an empty list when no host can take anything.
 */
export function placeGroup(candidates: readonly Candidate[], n: number): PeerKey[] {
  if (!Number.isInteger(n) || n < 1) throw new AppError('bug', 'placement.rows', 'a group has at least one row')
  const best = rank(candidates).slice(0, n)
  return best.length === 0 ? [] : Array.from({ length: n }, (_, slot) => keyAt(best, slot % best.length))
}

/**
 * `list` with each slot of `failed` given to another host; all other slots stay as they are. New hosts come first, the best before the
 * others, each taking one slot until all have one; then the hosts that hold the fewest rows. Returns `undefined` when nobody is left to take a slot.
 */
export function replaceHost(list: readonly PeerKey[], failed: PeerKey, candidates: readonly Candidate[]): PeerKey[] | undefined {
  const usable = rank(candidates).filter(({ key }) => key !== failed)
  const load = new Map<PeerKey, number>(usable.map(({ key }) => [key, 0]))
  for (const key of list) if (load.has(key)) load.set(key, (load.get(key) ?? 0) + 1)
  const replaced: PeerKey[] = []
  for (const key of list) {
    const next = key === failed ? leastLoaded(load) : key
    if (next === undefined) return undefined
    if (key === failed) load.set(next, (load.get(next) ?? 0) + 1)
    replaced.push(next)
  }
  return replaced
}

/** Best first: no full ones; then by conduct in steps, then by room; ties by key, so that the order is the same everywhere. */
function rank(candidates: readonly Candidate[]): Candidate[] {
  const step = (candidate: Candidate): number => Math.round(candidate.trust * TRUST_STEPS)
  return candidates
    .filter(({ room }) => room > 0)
    .sort((a, b) => step(b) - step(a) || b.room - a.room || (a.key < b.key ? -1 : 1))
}

/** The first host of those with the fewest rows; the map keeps the order of `rank`. */
function leastLoaded(load: ReadonlyMap<PeerKey, number>): PeerKey | undefined {
  let found: PeerKey | undefined
  let least = Infinity
  for (const [key, rows] of load) {
    if (rows < least) [found, least] = [key, rows]
  }
  return found
}

function keyAt(hosts: readonly Candidate[], index: number): PeerKey {
  const host = hosts[index]
  if (host === undefined) throw new AppError('bug', 'placement.index', 'no host at that slot')
  return host.key
}
