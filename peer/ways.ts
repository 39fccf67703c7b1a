import type { Connection, PeerId } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'

/** How long one way to a peer is tried before the next is tried beside it: longer than a handshake takes on a busy machine, shorter than a person waits. */
export const HEAD_START_MS = 1000
/** Own addresses of a peer that are tried beside each other; the others come one after the other, as the last of these. */
const MAX_BESIDE = 4

/** Dials one address by itself: libp2p's queue takes the addresses of a peer one after the other, and joins dials of one peer. */
export interface Dialler {
  dial(address: Multiaddr, options: { signal: AbortSignal }): Promise<Connection>
}

/** A libp2p service that is no more than its way to `Dialler`. */
export function dialler(): (components: { transportManager: Dialler }) => Dialler {
  return ({ transportManager }) => ({ dial: (address, options) => transportManager.dial(address, options) })
}

/**
 * Starts each of `ways` once the one before has failed, or `headStart` has passed; resolves to what the first one that works gives, and
 * aborts the others. Rejects with an `AggregateError` when none works, or `signal` fires.
 */
export async function firstOf<T>(
  ways: readonly ((signal: AbortSignal) => Promise<T>)[],
  headStart: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<T> {
  const ending = new AbortController()
  const both = AbortSignal.any([signal, ending.signal])
  const tries: Promise<T>[] = []
  for (const way of ways) {
    const before = tries.at(-1)
    const turn = before === undefined ? Promise.resolve() : Promise.race([headStart(both), failure(before)])
    tries.push(turn.then(() => way(both)))
  }
  try {
    return await Promise.any(tries)
  } finally {
    ending.abort()
  }
}

/** Resolves when `trying` has failed; for ever waiting else. */
function failure(trying: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    trying.catch(() => {
      resolve()
    })
  })
}

/**
 * `addresses`, best first, as ways to try beside each other: the peer's own ones, and all that need a relay together, since each of these
 * is a whole WebRTC handshake.
 */
export function waysOf(addresses: readonly Multiaddr[]): Multiaddr[][] {
  const own = addresses.filter((address) => !needsRelay(address))
  const alone = own.slice(0, MAX_BESIDE - 1).map((address) => [address])
  return [...alone, own.slice(MAX_BESIDE - 1), addresses.filter(needsRelay)].filter((way) => way.length > 0)
}

/** Whether a relay has part in a connection to `address`. */
export function needsRelay(address: Multiaddr): boolean {
  return relayOf(address) !== undefined
}

/** `addresses` in their order, but those that need a relay which is not `connected` last: a dead one must not hold the others up. */
export function deadRelaysLast(addresses: readonly Multiaddr[], connected: (relay: string) => boolean): Multiaddr[] {
  const late = (address: Multiaddr) => {
    const relay = relayOf(address)
    return Number(relay !== undefined && !connected(relay))
  }
  return [...addresses].sort((a, b) => late(a) - late(b))
}

/** The ways to `peer` over nothing but a relay, as `addresses` know them. */
export function laneAddresses(addresses: readonly Multiaddr[], peer: PeerId): Multiaddr[] {
  const ways = addresses.filter(needsRelay).map((address) => `${wayToRelay(address)}/p2p-circuit/p2p/${peer.toString()}`)
  return [...new Set(ways)].map((text) => multiaddr(text))
}

/** libp2p name of the relay of `address`. */
function relayOf(address: Multiaddr): string | undefined {
  if (!address.toString().includes('/p2p-circuit')) return undefined
  return /\/p2p\/([^/]+)$/.exec(wayToRelay(address))?.[1]
}

function wayToRelay(address: Multiaddr): string {
  return address.toString().split('/p2p-circuit', 1)[0] ?? ''
}
