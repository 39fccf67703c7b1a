import type { PeerId } from '@libp2p/interface'
import { kadDHT, passthroughMapper, type KadDHT, type QueryEvent } from '@libp2p/kad-dht'
import { own } from '../core/base/bytes.ts'
import { AppError } from '../core/base/errors.ts'
import type { CID } from 'multiformats/cid'
import { selectRecord, validateRecord } from './record-format.ts'

/** Our own swarm, apart from that of IPFS, so that no built-in split into LAN and WAN applies. */
export const DHT_PROTOCOL = '/shoal/kad/1.0.0'
/** Peers per bucket, and holders of a record (Maymounkov and Mazières 2002, k). */
export const BUCKET_SIZE = 20
/** Requests in flight per path. The library's 10 × 10 would have a browser dial everybody it hears of. */
const ALPHA = 3
/** Paths that share no peer (Baumgart and Mies 2007, section 4.4): one liar cannot hide a record. */
const DISJOINT_PATHS = 2
/** Every peer in a reply is dialled before it enters the table; few at once, since each dial is a handshake. */
const NEW_CONTACTS_AT_ONCE = 3
/** One request, dial included. The library lets it grow to 60 s with each that fails; through a relay and WebRTC it takes 3 s or so. */
const REQUEST_TIMEOUT = { minTimeout: 5000, maxTimeout: 10_000 }

const MINUTE = 60_000
/** How long others keep a provider record of ours (discovery.md): two renewals, and what they may be late. Who seeks hosts dials those that are gone, too. */
export const PROVIDER_VALIDITY_MS = 70 * MINUTE
/** The library's own renewal, where ours did not run; its 48 h outlive addresses, and then a look-up fails for all providers of a key. */
const REPROVIDE = { validity: PROVIDER_VALIDITY_MS, threshold: 35 * MINUTE, interval: 10 * MINUTE }

/** The part of the routing table that kad-dht does not put in its interface. Pinned version, tested. */
export interface RoutingTable {
  readonly size: number
  find(peer: PeerId): Promise<PeerId | undefined>
  remove(peer: PeerId): Promise<void>
  addEventListener(type: 'peer:add', listener: () => void): void
  removeEventListener(type: 'peer:add', listener: () => void): void
}

/** kad-dht as Shoal runs it. A server answers others; a client only asks. */
export function shoalDht(mode: 'client' | 'server'): ReturnType<typeof kadDHT> {
  return kadDHT({
    protocol: DHT_PROTOCOL,
    // Left unset, the library decides by its addresses, and takes one behind a relay for a public one.
    clientMode: mode === 'client',
    // The default drops everybody behind a relay at a private address.
    peerInfoMapper: passthroughMapper,
    kBucketSize: BUCKET_SIZE,
    alpha: ALPHA,
    disjointPaths: DISJOINT_PATHS,
    networkDialTimeout: REQUEST_TIMEOUT,
    pingNewContactConcurrency: NEW_CONTACTS_AT_ONCE,
    // Otherwise each look-up waits for a first self-query, for up to 3 minutes; `tableReady` waits for what matters.
    allowQueryWithZeroPeers: true,
    reprovide: REPROVIDE,
    validators: { ipns: validateRecord },
    selectors: { ipns: selectRecord },
  })
}

/** The routing table of `dht`. Throws `bug` `dht.internals` when the library changed. */
export function routingTable(dht: KadDHT): RoutingTable {
  const table: unknown = 'routingTable' in dht ? dht.routingTable : undefined
  if (typeof table !== 'object' || table === null || !('remove' in table) || !('size' in table)) {
    throw new AppError('bug', 'dht.internals', 'kad-dht has no routing table where it had one')
  }
  return table as RoutingTable
}

/** The providers that this peer's own store names; kad-dht looks there first, and with twenty asks nobody else and names no more. */
export function ownProviders(dht: KadDHT, cid: CID): Promise<PeerId[]> {
  const providers: unknown = 'providers' in dht ? dht.providers : undefined
  if (typeof providers !== 'object' || providers === null || !('getProviders' in providers)) {
    throw new AppError('bug', 'dht.internals', 'kad-dht has no providers where it had them')
  }
  return (providers as { getProviders(cid: CID): Promise<PeerId[]> }).getProviders(cid)
}

/** The record under `key` in this peer's own store, which look-ups pass over; `undefined` when there is none that is valid. Throws `bug` `dht.internals`. */
export async function ownRecord(dht: KadDHT, key: Uint8Array): Promise<Uint8Array | undefined> {
  const fetching: unknown = 'contentFetching' in dht ? dht.contentFetching : undefined
  if (typeof fetching !== 'object' || fetching === null || !('getLocal' in fetching)) {
    throw new AppError('bug', 'dht.internals', 'kad-dht has no content fetching where it had it')
  }
  try {
    return (await (fetching as { getLocal(key: Uint8Array, options: object): Promise<{ value: Uint8Array }> }).getLocal(key, {})).value
  } catch {
    return undefined
  }
}

/** Where Kademlia puts a key, or the name of a peer. */
export async function kadHash(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', own(new Uint8Array(bytes))))
}

/** Resolves to true when there is somebody to ask, to false when `signal` fires before. */
export function tableReady(table: RoutingTable, signal: AbortSignal): Promise<boolean> {
  if (table.size > 0 || signal.aborted) return Promise.resolve(table.size > 0)
  return new Promise((resolve) => {
    const done = () => {
      table.removeEventListener('peer:add', done)
      signal.removeEventListener('abort', done)
      resolve(table.size > 0)
    }
    table.addEventListener('peer:add', done)
    signal.addEventListener('abort', done, { once: true })
  })
}

/** The events of a query until it ends, `signal` fires or it fails: a query that breaks off has still said what it said. */
export async function* eventsUntil(query: AsyncIterable<QueryEvent>, signal: AbortSignal): AsyncIterable<QueryEvent> {
  const iterator = query[Symbol.asyncIterator]()
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  try {
    for (;;) {
      const next = await Promise.race([iterator.next().catch(() => undefined), stopped])
      if (next === undefined || next.done === true) return
      yield next.value
    }
  } finally {
    // Not awaited: a generator that waits for a dead peer would hold up whoever is done with it.
    void iterator.return?.().catch(() => undefined)
  }
}
