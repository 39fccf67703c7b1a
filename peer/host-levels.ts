import type { Random } from '../core/ports/clock.ts'
import { BUCKET_FULL, MAX_LEVEL } from './host-buckets.ts'

// On which levels hosts announce and are sought (protocols/discovery.md): functions of what was seen, so that the simulation in bench/finding runs the very same.

/** Hosts that a leaf should hold: between those from which on it splits and those below which it joins its sibling. */
const LEAF_HOSTS = 40
/** A leaf of fewer hosts joins its sibling. Less than half of `BUCKET_FULL`, or the halves of a full bucket would join again. */
const LEAF_EMPTY = 24
/** Fewer hosts than these say nothing of what lies below: three hosts may have any ranks. */
const LEAST_SAMPLE = 16
/** The part of a sample that may have too low a rank: hosts that are about to move, and liars. */
const TOLERATED = 1 / 8
/** DHT servers below which a swarm is small: everybody begins at the bucket of all. */
const FEW_SERVERS = 16
/** DHT servers per bucket of the first level that a stranger reads. Too high a level costs its readers nothing, too deep a one a look-up. */
const SERVERS_PER_BUCKET = 4
const DEEPEST_START = 6
/** Buckets that one search reads at most: 24 connections are all that it is for. */
export const MAX_READS = 16
/** Buckets that a host reads at most before it announces. */
const MAX_STEPS = 5
/** Buckets read at once, once the first has told where hosts are. */
const READS_AT_ONCE = 2

/** The bucket number `index` of the 2^level buckets of a level. */
export interface Place {
  readonly level: number
  readonly index: number
}

/** How rare a host is: the zero bits at the end of the hash of its key. Half of all hosts have rank 0, a quarter rank 1, and so on. */
export function rankOf(hash: Uint8Array): number {
  const low = hash[hash.length - 1]! | (hash[hash.length - 2]! << 8)
  return low === 0 ? MAX_LEVEL : Math.min(MAX_LEVEL, 31 - Math.clz32(low & -low))
}

/** Where a host of `rank` announces whose leaf is at `level`: there, and as many levels above as its rank says, so that each bucket above holds a sample. */
export function announcedLevels(level: number, rank: number): number[] {
  const top = Math.max(0, level - rank)
  return Array.from({ length: level - top + 1 }, (_, i) => level - i)
}

/** How many levels below the bucket in which hosts of these ranks announce their leaves lie. */
export function depthBelow(ranks: readonly number[]): number {
  if (ranks.length < LEAST_SAMPLE) return 0
  return [...ranks].sort((a, b) => a - b)[Math.floor(ranks.length * TOLERATED)]!
}

/** The level of the leaf of a host that saw others of these `ranks` in its bucket of `level`. */
export function hostLevel(level: number, ranks: readonly number[]): number {
  const hosts = (ranks.length + 1) * 2 ** depthBelow(ranks)
  const full = hosts >= BUCKET_FULL && level < MAX_LEVEL
  const empty = hosts < LEAF_EMPTY && level > 0
  return full || empty ? leafLevel(level, hosts) : level
}

/** How a host finds its level: it reads its bucket at `level`, says what it `saw`, and goes on until that returns false. */
export class LevelSearch {
  private at: number
  private steps = 0
  /** Below a full bucket nobody may be yet; who went down there does not come back up in the same search. */
  private top = 0

  constructor(level: number) {
    this.at = level
  }

  get level(): number {
    return this.at
  }

  /** Takes the ranks of the others in the bucket at `level`. Returns whether to read another. */
  saw(ranks: readonly number[]): boolean {
    const next = Math.max(this.top, hostLevel(this.at, ranks))
    if (next === this.at) return false
    if (next > this.at) this.top = this.at + 1
    this.at = next
    return ++this.steps < MAX_STEPS
  }
}

/** The level at which somebody begins who knows nothing but how many DHT servers there are. */
export function startLevel(servers: number): number {
  if (servers < FEW_SERVERS) return 0
  return Math.min(DEEPEST_START, Math.floor(Math.log2(servers / SERVERS_PER_BUCKET)))
}

/**
 * How many DHT servers there are, going by the closest to `target` that one of them knows, `most` at most: the names in its answer, as Kademlia hashes
 * them. Fewer than `most` are all there are; else the farthest of them tells how dense they lie.
 */
export function serversAround(target: Uint8Array, closest: readonly Uint8Array[], most: number): number {
  if (closest.length < most) return closest.length + 1
  const farthest = Math.max(...closest.map((hash) => distance(target, hash)))
  return Math.max(closest.length + 1, Math.round((closest.length - 1) / farthest))
}

/** XOR distance as a part of the whole space; 48 bits of it are plenty. */
function distance(a: Uint8Array, b: Uint8Array): number {
  let part = 0
  for (let i = 5; i >= 0; i--) part = (part + (a[i]! ^ b[i]!)) / 256
  return part
}

function leafLevel(level: number, hosts: number): number {
  return Math.min(MAX_LEVEL, Math.max(0, level + Math.round(Math.log2(hosts / LEAF_HOSTS))))
}

/** One search: which buckets to read next, from what the ones before held. */
export class SearchPlan {
  private readonly random: Random
  private readonly read = new Map<number, Set<number>>()
  private reads = 0
  private empty = 0
  /** The level to read, one above the leaves where there are any: subtrees differ by one, and above a leaf there is a sample too. */
  private level: number
  private leaf: number

  /** `leaf` is the level at which hosts are believed to announce. */
  constructor(leaf: number, random: Random) {
    this.random = random
    this.level = above(leaf)
    this.leaf = leaf
  }

  /** The level at which hosts announce, as far as this search knows. */
  get learned(): number {
    return this.leaf
  }

  /** Buckets to read now, none of them read before; none when all were read that may hold hosts, or enough. */
  next(): Place[] {
    const most = Math.min(this.reads === 0 || this.empty > 0 ? 1 : READS_AT_ONCE, MAX_READS - this.reads)
    for (let level = this.level; level <= this.leaf; level++) {
      const left = Math.min(most, 2 ** level - (this.read.get(level)?.size ?? 0))
      if (left > 0) return Array.from({ length: left }, () => this.pick(level))
    }
    return []
  }

  /** What buckets of one level held: the ranks of all their hosts. */
  saw(level: number, buckets: number, ranks: readonly number[]): void {
    if (ranks.length === 0) {
      this.level = this.leaf = Math.max(0, Math.min(level, this.level) - 2 ** this.empty++)
      return
    }
    this.empty = 0
    const depth = depthBelow(ranks)
    this.leaf = Math.min(MAX_LEVEL, Math.max(level + depth, leafLevel(level, (ranks.length / buckets) * 2 ** depth)))
    this.level = above(this.leaf)
  }

  private pick(level: number): Place {
    const read = this.read.get(level) ?? new Set<number>()
    this.read.set(level, read)
    const size = 2 ** level
    let index = Math.floor(this.random.unit() * size)
    while (read.has(index)) index = (index + 1) % size
    read.add(index)
    this.reads++
    return { level, index }
  }
}

function above(leaf: number): number {
  return Math.max(0, leaf - 1)
}
