import type { Clock } from '../core/ports/clock.ts'
import type { PeerNode } from './assembly.ts'

/**
 * How long a tab must have been up before it answers for the DHT: what has stayed an hour mostly stays another, and a server that
 * is gone costs everybody who asks it a dial of seconds.
 */
export const SERVES_DHT_AFTER_MS = 60 * 60_000
/** Relays through which a server without an address of its own must be reached: one alone may go away. */
const RELAYS_OF_A_SERVER = 2

/** Resolves to true when this peer has been up for `SERVES_DHT_AFTER_MS`, to false when `signal` fires before. */
export async function whenProven(clock: Clock, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(SERVES_DHT_AFTER_MS, signal)
    return true
  } catch {
    return false
  }
}

/** Serves the DHT from when the peer is proven until `signal` fires. Resolves then. */
export async function serveWhenProven(peer: { serveDht(on: boolean): Promise<void> }, clock: Clock, signal: AbortSignal): Promise<void> {
  if (!(await whenProven(clock, signal))) return
  await peer.serveDht(true)
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  await peer.serveDht(false)
}

/** A peer's part in the DHT: a server when that is wished and others can reach it, else a client. */
export class DhtRole {
  private readonly node: PeerNode
  /** A relay or daemon serves from its start, whatever its addresses. */
  private wished: boolean | undefined
  private turning: Promise<void> = Promise.resolve()

  constructor(node: PeerNode) {
    this.node = node
    node.addEventListener('self:peer:update', () => void this.turn().catch(() => undefined))
  }

  /** See `Peer.serveDht`. */
  serve(on: boolean): Promise<void> {
    this.wished = on
    return this.turn()
  }

  private turn(): Promise<void> {
    const next = this.turning.then(async () => {
      if (this.wished !== undefined) await this.node.services.dht.setMode(this.wished && reachable(this.node) ? 'server' : 'client')
    })
    this.turning = next.catch(() => undefined)
    return next
  }
}

/** Whether others reach this peer at an address of its own, or through relays enough. */
export function reachable(node: Pick<PeerNode, 'getMultiaddrs'>): boolean {
  const relays = new Set<string>()
  for (const address of node.getMultiaddrs()) {
    const components = address.getComponents()
    const relayed = components.findIndex(({ name }) => name === 'p2p-circuit')
    if (relayed === -1 && components.some(({ name }) => name === 'tcp' || name === 'udp')) return true
    const relay = components.slice(0, Math.max(0, relayed)).findLast(({ name }) => name === 'p2p')?.value
    if (relay !== undefined) relays.add(relay)
  }
  return relays.size >= RELAYS_OF_A_SERVER
}
