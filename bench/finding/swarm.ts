import { SeededRandom } from '../../core/testkit/seeded-random.ts'
import { BUCKET_FULL, MAX_LEVEL } from '../../peer/host-buckets.ts'
import { announcedLevels, LevelSearch, rankOf, SearchPlan, serversAround, startLevel } from '../../peer/host-levels.ts'
import { MAX_PER_KEY } from '../../peer/record-store.ts'

// A swarm of hosts that announce and seek each other by the functions of peer/host-levels.ts, in simulated seconds. Look-ups take no time and always succeed.

const MINUTE = 60
/** As in peer/dht.ts and peer/host-directory.ts. */
const RECORD_LIFE = 70 * MINUTE
const RENEW = 30 * MINUTE
const FIRST_RENEW = MINUTE
/** How long a tab hosts on average: the times are exponentially distributed. */
const SESSION = 60 * MINUTE
/** How often a tab seeks hosts after it came. */
const SEARCH = 10 * MINUTE
/** Hosts that a search wants. */
const WANTED = 64
const STEP = 10
/** Tabs that a relay can serve, two reservations each: the fewest DHT servers that a swarm of tabs can have. */
const TABS_PER_RELAY = 2048

export interface Measured {
  readonly hosts: number
  /** Reads of the key that was read most, per second, over the worst minute; and what everybody reading the bucket of all first would cost it. */
  readonly hottestReads: number
  readonly oneKeyReads: number
  /** Hosts announced under the key that has most. */
  readonly mostProviders: number
  /** Announcements per host and half hour: one per level. */
  readonly announcements: number
  /** Look-ups until 64 hosts, or all, were found: mean and most. `firstSearches` counts only tabs that just came. */
  readonly lookUps: number
  readonly mostLookUps: number
  readonly firstSearches: number
  /** Hosts found at least, and how many of those found were still there, as a part. */
  readonly fewestFound: number
  readonly alive: number
  readonly deepest: number
}

interface Host {
  readonly hash: number
  readonly rank: number
  readonly leaves: number
  level: number | undefined
  learned: number | undefined
  renew: number
  first: boolean
  search: number
}

/** Runs a swarm: all `hosts` come within `arrival` seconds, others take the places of those that leave, and after an hour and a half of that it is measured for half an hour. */
export function simulate(hosts: number, seed = 1, shrinkTo = hosts): Measured {
  const swarm = new Swarm(hosts, seed)
  swarm.run(10 * MINUTE + 90 * MINUTE)
  if (shrinkTo < hosts) {
    swarm.shrink(shrinkTo)
    swarm.run(RECORD_LIFE + RENEW)
  }
  swarm.measure()
  swarm.run(30 * MINUTE)
  return swarm.measured()
}

class Swarm {
  private wanted: number
  private readonly random: SeededRandom
  private now = 0
  private hosts: Host[] = []
  private readonly keys = new Map<number, Map<Host, number>>()
  private measuring = false
  private reads = new Map<number, number>()
  private minute = 0
  private readonly seen = { hottest: 0, requests: 0, worstRequests: 0, announcements: 0, searches: 0, lookUps: 0, most: 0, fresh: 0, freshLookUps: 0, fewest: Infinity, found: 0, alive: 0 }

  constructor(wanted: number, seed: number) {
    this.wanted = wanted
    this.random = new SeededRandom(seed)
  }

  /** Lets `seconds` pass. */
  run(seconds: number): void {
    const end = this.now + seconds
    for (; this.now < end; this.now += STEP) {
      this.hosts = this.hosts.filter((host) => host.leaves > this.now)
      const coming = Math.min(this.wanted - this.hosts.length, Math.ceil((this.wanted * STEP) / (10 * MINUTE)))
      for (let i = 0; i < coming; i++) this.hosts.push(this.fresh())
      for (const host of this.hosts) {
        if (host.search <= this.now) this.search(host)
        if (host.renew <= this.now) this.announce(host)
      }
      if (this.now % MINUTE === 0) this.endMinute()
    }
  }

  /** All but `left` hosts leave at once. */
  shrink(left: number): void {
    this.wanted = left
    this.hosts.length = left
  }

  measure(): void {
    this.measuring = true
    this.reads = new Map()
  }

  measured(): Measured {
    const { seen } = this
    let mostProviders = 0
    for (const key of this.keys.keys()) mostProviders = Math.max(mostProviders, this.providers(key).length)
    return {
      hosts: this.wanted,
      hottestReads: seen.hottest / MINUTE,
      oneKeyReads: seen.worstRequests / MINUTE,
      mostProviders,
      announcements: seen.announcements / this.wanted,
      lookUps: seen.lookUps / seen.searches,
      mostLookUps: seen.most,
      firstSearches: seen.freshLookUps / seen.fresh,
      fewestFound: seen.fewest,
      alive: seen.alive / seen.found,
      deepest: Math.max(...this.hosts.map(({ level }) => level ?? 0)),
    }
  }

  private fresh(): Host {
    const hash = Math.floor(this.random.unit() * 2 ** MAX_LEVEL)
    const rank = rankOf(this.random.bytes(2))
    const leaves = this.now - SESSION * Math.log(1 - this.random.unit())
    return { hash, rank, leaves, level: undefined, learned: undefined, renew: this.now, first: true, search: this.now }
  }

  private announce(host: Host): void {
    this.count()
    const climb = new LevelSearch(host.level ?? host.learned ?? this.start())
    while (climb.saw(this.ranks(keyOf(climb.level, host.hash >> (MAX_LEVEL - climb.level)), host))) continue
    const { level } = climb
    host.level = host.learned = level
    for (const at of announcedLevels(level, host.rank)) this.provide(host, keyOf(at, host.hash >> (MAX_LEVEL - at)))
    host.renew = this.now + (host.first ? FIRST_RENEW : RENEW * (0.9 + this.random.unit() / 10))
    host.first = false
  }

  private provide(host: Host, key: number): void {
    if (this.measuring) this.seen.announcements++
    const providers = this.keys.get(key) ?? new Map<Host, number>()
    this.keys.set(key, providers)
    if (providers.size >= MAX_PER_KEY) this.expire(providers)
    if (providers.has(host) || providers.size < MAX_PER_KEY) providers.set(host, this.now + RECORD_LIFE)
  }

  private search(host: Host): void {
    this.count()
    const fresh = host.learned === undefined
    const plan = new SearchPlan(host.learned ?? this.start(), this.random)
    const found = new Set<Host>()
    let lookUps = 0
    for (let places = plan.next(); places.length > 0 && found.size < WANTED; places = plan.next()) {
      const hosts = places.flatMap(({ level, index }) => this.read(keyOf(level, index), host))
      lookUps += places.length
      for (const one of hosts) found.add(one)
      plan.saw(places[0]!.level, places.length, hosts.map(({ rank }) => rank))
    }
    host.learned = plan.learned
    host.search = this.now + SEARCH * (0.5 + this.random.unit())
    if (this.measuring) this.note(found, lookUps, fresh)
  }

  private note(found: ReadonlySet<Host>, lookUps: number, fresh: boolean): void {
    const { seen } = this
    seen.searches++
    seen.lookUps += lookUps
    seen.most = Math.max(seen.most, lookUps)
    if (fresh) seen.fresh++
    if (fresh) seen.freshLookUps += lookUps
    seen.fewest = Math.min(seen.fewest, found.size)
    seen.found += found.size
    for (const { leaves } of found) if (leaves > this.now) seen.alive++
  }

  /** What a stranger concludes who asks one relay for the servers around a random target: twenty of all, at random. */
  private start(): number {
    const servers = Math.max(1, Math.ceil(this.wanted / TABS_PER_RELAY))
    const target = this.random.bytes(6)
    const names = Array.from({ length: servers }, () => this.random.bytes(6))
    const near = (name: Uint8Array): number => name.reduce((sum, byte, i) => sum * 256 + (byte ^ target[i]!), 0)
    const closest = names.sort((a, b) => near(a) - near(b)).slice(0, 20)
    return startLevel(serversAround(target, closest, 20))
  }

  private ranks(key: number, asking: Host): number[] {
    return this.read(key, asking).map(({ rank }) => rank)
  }

  private read(key: number, asking: Host): Host[] {
    if (this.measuring) this.reads.set(key, (this.reads.get(key) ?? 0) + 1)
    return this.providers(key).filter((host) => host !== asking)
  }

  private providers(key: number): Host[] {
    const providers = this.keys.get(key)
    if (providers === undefined) return []
    this.expire(providers)
    return [...providers.keys()]
  }

  private expire(providers: Map<Host, number>): void {
    for (const [host, ends] of providers) if (ends <= this.now) providers.delete(host)
  }

  private count(): void {
    if (this.measuring) this.seen.requests++
  }

  private endMinute(): void {
    this.minute++
    this.seen.hottest = Math.max(this.seen.hottest, ...this.reads.values())
    this.seen.worstRequests = Math.max(this.seen.worstRequests, this.seen.requests)
    this.reads = new Map()
    this.seen.requests = 0
  }
}

/** Level and number of a bucket as one number. */
function keyOf(level: number, index: number): number {
  return 2 ** level + index
}

/** The two limits that no swarm may exceed, for those who print the figures. */
export const LIMITS = { providers: MAX_PER_KEY, full: BUCKET_FULL } as const
