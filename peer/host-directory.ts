import type { PeerInfo } from '@libp2p/interface'
import type { Clock, Random } from '../core/ports/clock.ts'
import type { PeerHint, PeerKey } from '../core/ports/network.ts'
import type { PeerNode } from './assembly.ts'
import { eventsUntil, routingTable, tableReady } from './dht.ts'
import { BUCKET_FULL, MAX_LEVEL, ROOT_BUCKET, bucketCid, bucketOf, childOf, type Bucket } from './host-buckets.ts'
import { carriesStreams, MAX_ADDRESSES, peerKeyOf } from './identity.ts'
import type { Log } from './log.ts'

/** Buckets read at once (discovery.md). */
const BUCKETS_AT_ONCE = 4
/** Levels without a single host that are descended before the sample counts as exhausted. */
const MAX_EMPTY_LEVELS = 3
/** Hosts taken from one bucket. One that is full says so with fewer; who answers with thousands lies, and each costs memory and a dial. */
const MAX_PER_BUCKET = 4 * BUCKET_FULL
/** Hosts found and not yet taken, from which on no further bucket is read. */
const MAX_WAITING = 2 * BUCKET_FULL
/** One bucket is one look-up; what has not answered by then is left out. */
const READ_WITHIN_MS = 10_000
/** How long a fresh peer waits for somebody to ask. */
const TABLE_WITHIN_MS = 15_000
const PROVIDE_WITHIN_MS = 30_000
/** Provider records live 2 h; two renewals may fail. */
const RENEW_MS = 30 * 60_000
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

/** Finds hosts with room, and announces this one, in the buckets of discovery.md. */
export class HostDirectory {
  private readonly init: DirectoryInit
  private announceSoon: () => void = () => undefined

  constructor(init: DirectoryInit) {
    this.init = init
  }

  /** See `Network.findHosts`. */
  async *find(signal: AbortSignal): AsyncIterable<PeerHint> {
    const ready = AbortSignal.any([signal, AbortSignal.timeout(TABLE_WITHIN_MS)])
    if (!(await tableReady(routingTable(this.init.node.services.dht), ready))) return
    const ending = new AbortController()
    const found = new HostQueue(this.init.self)
    try {
      void this.walk(found, AbortSignal.any([signal, ending.signal]))
      yield* found.hosts()
    } finally {
      ending.abort()
    }
  }

  /** See `Network.announce`. Resolves at once; the work goes on until `signal` fires. */
  announce(signal: AbortSignal): Promise<void> {
    void this.announceAgain(signal)
    return Promise.resolve()
  }

  /** Announces again soon, where `announce` is running: a relay came back, or our addresses changed. */
  refresh(): void {
    this.announceSoon()
  }

  /** Reads buckets from the root down: full ones lead to both halves, empty ones to a random half. */
  private async walk(found: HostQueue, signal: AbortSignal): Promise<void> {
    const open: { bucket: Bucket; empty: number }[] = [{ bucket: ROOT_BUCKET, empty: 0 }]
    try {
      while (open.length > 0 && !signal.aborted) {
        await found.room(signal)
        const batch = open.splice(0, BUCKETS_AT_ONCE)
        const counts = await Promise.all(batch.map(({ bucket }) => this.read(bucket, signal, (info) => found.push(info))))
        for (const [i, { bucket, empty }] of batch.entries()) {
          const count = counts[i]!
          if (bucket.level >= MAX_LEVEL) continue
          const bit = this.init.random.unit() < 0.5 ? 0 : 1
          if (count >= BUCKET_FULL) open.push({ bucket: childOf(bucket, bit), empty: 0 }, { bucket: childOf(bucket, bit === 0 ? 1 : 0), empty: 0 })
          else if (count === 0 && empty < MAX_EMPTY_LEVELS) open.push({ bucket: childOf(bucket, bit), empty: empty + 1 })
        }
      }
    } catch (error) {
      this.init.log('warn', 'the search for hosts failed', {}, error)
    } finally {
      found.end()
    }
  }

  /** Providers of one bucket, each once, `MAX_PER_BUCKET` at most; resolves to their number, this peer left out. */
  private async read(bucket: Bucket, signal: AbortSignal, onHost: (info: PeerInfo) => void): Promise<number> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(READ_WITHIN_MS)])
    const providers = new Set<string>()
    const query = this.init.node.services.dht.findProviders(await bucketCid(bucket), { signal: limit })
    for await (const event of eventsUntil(query, limit)) {
      if (event.name !== 'PEER_RESPONSE') continue
      for (const info of event.providers) {
        const name = info.id.toString()
        if (providers.has(name) || info.id.equals(this.init.node.peerId)) continue
        providers.add(name)
        onHost(info)
        if (providers.size >= MAX_PER_BUCKET) return providers.size
      }
    }
    return providers.size
  }

  private async announceAgain(signal: AbortSignal): Promise<void> {
    let known: Bucket | undefined
    const { node, clock, random, log } = this.init
    while (!signal.aborted) {
      let wait = RETRY_MS
      try {
        if (await tableReady(routingTable(node.services.dht), signal)) {
          const bucket = await this.freeBucket(signal)
          if (known !== undefined && known.level !== bucket.level) await node.services.dht.cancelReprovide(await bucketCid(known))
          known = bucket
          if ((await this.provide(bucket, signal)) > 0) wait = RENEW_MS * (0.9 + random.unit() / 10)
        }
      } catch (error) {
        log('warn', 'announcing failed', {}, error)
      }
      await this.waitToAnnounce(clock, wait, signal)
    }
    if (known !== undefined) await node.services.dht.cancelReprovide(await bucketCid(known)).catch(() => undefined)
  }

  /** The highest bucket of ours that is not full. */
  private async freeBucket(signal: AbortSignal): Promise<Bucket> {
    for (let level = 0; ; level++) {
      const bucket = await bucketOf(this.init.self, level)
      if (level === MAX_LEVEL || (await this.read(bucket, signal, () => undefined)) < BUCKET_FULL) return bucket
    }
  }

  /** Resolves to the number of DHT servers that were told. */
  private async provide(bucket: Bucket, signal: AbortSignal): Promise<number> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PROVIDE_WITHIN_MS)])
    const query = this.init.node.services.dht.provide(await bucketCid(bucket), { signal: limit })
    let told = 0
    for await (const event of eventsUntil(query, limit)) {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') told++
    }
    return told
  }

  private async waitToAnnounce(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    const asked = new AbortController()
    this.announceSoon = () => asked.abort()
    await clock.sleep(ms, AbortSignal.any([signal, asked.signal])).catch(() => undefined)
    this.announceSoon = () => undefined
    if (asked.signal.aborted) await clock.sleep(SETTLE_MS, signal).catch(() => undefined)
  }
}

/** Hosts on their way from look-ups to whoever wants them. */
class HostQueue {
  private readonly seen: Set<PeerKey>
  private readonly waiting: PeerHint[] = []
  private ended = false
  private wake: () => void = () => undefined
  private taken: () => void = () => undefined

  constructor(self: PeerKey) {
    this.seen = new Set([self])
  }

  push(info: PeerInfo): void {
    const key = peerKeyOf(info.id)
    if (key === undefined || this.seen.has(key)) return
    this.seen.add(key)
    this.waiting.push(hintOf(key, info))
    this.wake()
  }

  end(): void {
    this.ended = true
    this.wake()
  }

  /** Resolves once few enough wait to be taken, or `signal` fires. */
  async room(signal: AbortSignal): Promise<void> {
    const stop = () => this.taken()
    signal.addEventListener('abort', stop, { once: true })
    while (this.waiting.length >= MAX_WAITING && !signal.aborted) await new Promise<void>((resolve) => (this.taken = resolve))
    signal.removeEventListener('abort', stop)
  }

  async *hosts(): AsyncIterable<PeerHint> {
    for (;;) {
      const next = this.waiting.shift()
      this.taken()
      if (next !== undefined) yield next
      else if (this.ended) return
      else await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }
}

/** Addresses that streams can use, without the peer's own name at their end, which `parseAddresses` puts back. */
function hintOf(key: PeerKey, { id, multiaddrs }: PeerInfo): PeerHint {
  const own = `/p2p/${id.toString()}`
  const texts = multiaddrs.filter(carriesStreams).map((address) => address.toString())
  const short = texts.map((text) => (text.endsWith(own) ? text.slice(0, -own.length) : text))
  return { key, addresses: [...new Set(short)].slice(0, MAX_ADDRESSES) }
}
