import type { PeerInfo } from '@libp2p/interface'
import type { Random } from '../core/ports/clock.ts'
import type { PeerKey } from '../core/ports/network.ts'
import type { PeerNode } from './assembly.ts'
import { BUCKET_SIZE, eventsUntil, kadHash, ownProviders } from './dht.ts'
import { BUCKET_FULL, bucketCid, hostHash, type Bucket } from './host-buckets.ts'
import { rankOf, serversAround } from './host-levels.ts'
import { peerKeyOf } from './identity.ts'

/** Hosts taken from one bucket. One that is full says so with fewer; who answers with thousands lies, and each costs memory and a dial. */
const MAX_PER_BUCKET = 4 * BUCKET_FULL
/** One bucket is one look-up; what has not answered by then is left out. */
const READ_WITHIN_MS = 10_000
/** Once one server has answered, how long the others may take: one that is dead costs a dial of many seconds. */
const OTHERS_WITHIN_MS = 1500
const PROVIDE_WITHIN_MS = 30_000
/** How long the nearest server may take to say how many others there are. */
const COUNT_WITHIN_MS = 3000
/** Hosts whose rank is remembered: about 100 bytes each. */
const MAX_RANKS = 4096

/** What the buckets of discovery.md are to the DHT: look-ups, and announcements of this peer. */
export class BucketReader {
  private readonly node: PeerNode
  private readonly ranks = new Map<PeerKey, number>()

  constructor(node: PeerNode) {
    this.node = node
  }

  /** Reads one bucket: calls `onHost` for each host but this one, and resolves to their ranks; to `undefined` when nobody answered. */
  async read(bucket: Bucket, signal: AbortSignal, onHost: (info: PeerInfo) => void): Promise<readonly number[] | undefined> {
    const cid = await bucketCid(bucket)
    const settled = new AbortController()
    const limit = AbortSignal.any([signal, settled.signal, AbortSignal.timeout(READ_WITHIN_MS)])
    const found = new Map<PeerKey, PeerInfo>()
    const take = (info: PeerInfo) => {
      const key = peerKeyOf(info.id)
      if (key === undefined || found.has(key) || found.size >= MAX_PER_BUCKET || info.id.equals(this.node.peerId)) return
      found.set(key, info)
      onHost(info)
    }
    for (const id of await ownProviders(this.node.services.dht, cid)) {
      const peer = await this.node.peerStore.getInfo(id).catch(() => undefined)
      if (peer !== undefined) take(peer)
    }
    let answered = false
    for await (const event of eventsUntil(this.node.services.dht.findProviders(cid, { signal: limit }), limit)) {
      if (event.name !== 'PEER_RESPONSE') continue
      if (!answered) AbortSignal.timeout(OTHERS_WITHIN_MS).addEventListener('abort', () => settled.abort(), { once: true })
      answered = true
      for (const info of event.providers) take(info)
      if (found.size >= MAX_PER_BUCKET) break
    }
    return answered ? Promise.all([...found.keys()].map((key) => this.rank(key))) : undefined
  }

  /** Announces this peer in a bucket. Resolves to the number of DHT servers that were told. */
  async provide(bucket: Bucket, signal: AbortSignal): Promise<number> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PROVIDE_WITHIN_MS)])
    const query = this.node.services.dht.provide(await bucketCid(bucket), { signal: limit })
    let told = 0
    for await (const event of eventsUntil(query, limit)) {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') told++
    }
    return told
  }

  /** No longer renews the announcement in a bucket; others forget it when its time is over. */
  async leave(bucket: Bucket): Promise<void> {
    await this.node.services.dht.cancelReprovide(await bucketCid(bucket))
  }

  /** About how many DHT servers there are, as the first to answer sees it; 1 when nobody does. */
  async servers(random: Random, signal: AbortSignal): Promise<number> {
    const target = random.bytes(32)
    const enough = new AbortController()
    const limit = AbortSignal.any([signal, enough.signal, AbortSignal.timeout(COUNT_WITHIN_MS)])
    try {
      for await (const event of eventsUntil(this.node.services.dht.getClosestPeers(target, { signal: limit }), limit)) {
        if (event.name !== 'PEER_RESPONSE') continue
        const names = await Promise.all(event.closer.map(({ id }) => kadHash(id.toMultihash().bytes)))
        return serversAround(await kadHash(target), names, BUCKET_SIZE)
      }
      return 1
    } finally {
      enough.abort()
    }
  }

  /** The same hosts are met again and again; the oldest are forgotten first. */
  private async rank(key: PeerKey): Promise<number> {
    const known = this.ranks.get(key)
    if (known !== undefined) return known
    const rank = rankOf(await hostHash(key))
    const [oldest] = this.ranks.keys()
    if (this.ranks.size >= MAX_RANKS && oldest !== undefined) this.ranks.delete(oldest)
    this.ranks.set(key, rank)
    return rank
  }
}
