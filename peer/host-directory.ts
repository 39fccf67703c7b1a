import type { PeerInfo } from '@libp2p/interface'
import type { Clock, Random } from '../core/ports/clock.ts'
import type { PeerHint, PeerKey } from '../core/ports/network.ts'
import type { PeerNode } from './assembly.ts'
import { BucketReader } from './bucket-reader.ts'
import { routingTable, tableReady } from './dht.ts'
import { bucketAt, bucketOf, hostHash } from './host-buckets.ts'
import { announcedLevels, LevelSearch, rankOf, SearchPlan, startLevel } from './host-levels.ts'
import { HostQueue } from './host-queue.ts'
import type { Log } from './log.ts'

/** How long a fresh peer waits for somebody to ask. */
const TABLE_WITHIN_MS = 15_000
/** Provider records live 70 min; one renewal may fail. */
const RENEW_MS = 30 * 60_000
/** The first renewal: when many come at once, each saw its bucket emptier than it is now. */
const FIRST_RENEW_MS = 60_000
/** Nobody took the announcement: the first relay is often not there yet. */
const RETRY_MS = 1500
/** New addresses come in bursts. */
const SETTLE_MS = 300

export interface DirectoryInit {
  readonly node: PeerNode
  readonly self: PeerKey
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Where this host stands. */
interface Announced {
  readonly hash: Uint8Array
  level: number | undefined
  levels: readonly number[]
}

/** Finds hosts with room, and announces this one, in the buckets of discovery.md. */
export class HostDirectory {
  private readonly init: DirectoryInit
  private readonly buckets: BucketReader
  private readonly closing = new AbortController()
  /** The level at which hosts announce, as the last look-up taught it. */
  private learned: number | undefined
  private stale = false
  private announceSoon: () => void = () => undefined

  constructor(init: DirectoryInit) {
    this.init = init
    this.buckets = new BucketReader(init.node)
  }

  /** See `Network.findHosts`. */
  async *find(signal: AbortSignal): AsyncIterable<PeerHint> {
    const ending = new AbortController()
    const stop = AbortSignal.any([signal, ending.signal, this.closing.signal])
    const ready = AbortSignal.any([stop, AbortSignal.timeout(TABLE_WITHIN_MS)])
    if (!(await tableReady(routingTable(this.init.node.services.dht), ready))) return
    const found = new HostQueue(this.init.self)
    try {
      void this.search(found, stop)
      yield* found.hosts()
    } finally {
      ending.abort()
    }
  }

  /** See `Network.announce`. Resolves at once; the work goes on until `signal` fires, or the directory is closed. */
  announce(signal: AbortSignal): Promise<void> {
    void this.announceAgain(AbortSignal.any([signal, this.closing.signal]))
    return Promise.resolve()
  }

  /** Announces again soon, where `announce` is running: a relay came back, or our addresses changed. */
  refresh(): void {
    this.stale = true
    this.announceSoon()
  }

  /** Ends all searches and announcements: the peer leaves. What others hold of it ends with its time. */
  close(): void {
    this.closing.abort()
  }

  private async search(found: HostQueue, signal: AbortSignal): Promise<void> {
    try {
      const plan = new SearchPlan(await this.start(signal), this.init.random)
      for (let places = plan.next(); places.length > 0 && !signal.aborted; places = plan.next()) {
        const onHost = (info: PeerInfo) => found.push(info)
        const read = await Promise.all(places.map(({ level, index }) => this.buckets.read(bucketAt(level, index), signal, onHost)))
        // A look-up that nobody answered says nothing of where hosts are.
        const answers = read.filter((ranks) => ranks !== undefined)
        if (answers.length > 0) plan.saw(places[0]!.level, answers.length, answers.flat())
        if (answers.length > 0) this.learned = plan.learned
        await found.room(signal)
      }
    } catch (error) {
      this.init.log('warn', 'the search for hosts failed', {}, error)
    } finally {
      found.end()
    }
  }

  /** The level to begin at: where hosts were last, else what the number of DHT servers suggests. */
  private async start(signal: AbortSignal): Promise<number> {
    return this.learned ?? startLevel(await this.buckets.servers(this.init.random, signal))
  }

  private async announceAgain(signal: AbortSignal): Promise<void> {
    const { clock, random, log, self } = this.init
    const own: Announced = { hash: await hostHash(self), level: undefined, levels: [] }
    let asked = false
    let renew = FIRST_RENEW_MS
    while (!signal.aborted) {
      let wait = RETRY_MS
      this.stale = false
      try {
        if (await this.announceOnce(own, asked, signal)) {
          wait = renew * (0.9 + random.unit() / 10)
          renew = RENEW_MS
        }
      } catch (error) {
        log('warn', 'announcing failed', {}, error)
      }
      asked = await this.waitToAnnounce(clock, wait, signal)
    }
    await Promise.allSettled(own.levels.map((level) => this.buckets.leave(bucketOf(own.hash, level))))
  }

  /** Announces at the levels that are ours now; with `same`, at those of the last time. Resolves to whether all of them took it. */
  private async announceOnce(own: Announced, same: boolean, signal: AbortSignal): Promise<boolean> {
    const { node } = this.init
    // Others take no announcement without an address, and say nothing of it.
    if (node.getMultiaddrs().length === 0 || !(await tableReady(routingTable(node.services.dht), signal))) return false
    if (!same || own.level === undefined) own.level = await this.ownLevel(own.hash, own.level, signal)
    const levels = announcedLevels(own.level, rankOf(own.hash))
    for (const left of own.levels.filter((old) => !levels.includes(old))) await this.buckets.leave(bucketOf(own.hash, left))
    own.levels = levels
    const told = await Promise.all(levels.map((level) => this.buckets.provide(bucketOf(own.hash, level), signal)))
    return Math.min(...told) > 0
  }

  /** The level of this host's leaf, beginning at `last`, where it was. */
  private async ownLevel(hash: Uint8Array, last: number | undefined, signal: AbortSignal): Promise<number> {
    const climb = new LevelSearch(last ?? (await this.start(signal)))
    for (;;) {
      const ranks = await this.buckets.read(bucketOf(hash, climb.level), signal, () => undefined)
      if (ranks === undefined || !climb.saw(ranks)) break
    }
    this.learned ??= climb.level
    return climb.level
  }

  /** Resolves to whether `refresh` was called, now or since the last announcement began. */
  private async waitToAnnounce(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.stale) {
      const asked = new AbortController()
      this.announceSoon = () => asked.abort()
      await clock.sleep(ms, AbortSignal.any([signal, asked.signal])).catch(() => undefined)
      this.announceSoon = () => undefined
    }
    if (this.stale) await clock.sleep(SETTLE_MS, signal).catch(() => undefined)
    return this.stale
  }
}
