import { AppError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { PeerKey } from '../ports/network.ts'
import { ALL_STREAMS, PEER_STREAMS, REFUSAL_TIME, STRIKE_PEERS, STRIKE_TIME, STRIKES } from './limits.ts'

/** How many streams a host serves, and whom it does not serve for a while. */
export class Guests {
  private readonly clock: Clock
  private readonly streams = new Map<PeerKey, number>()
  private readonly strikes = new Map<PeerKey, number[]>()
  private open = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** How many peers have a stream. */
  get peers(): number {
    return this.streams.size
  }

  /** Lets a stream in; call `leave` when it has ended. Throws `denied` `peer.refused`; `transient` `host.busy`. */
  enter(peer: PeerKey): void {
    if (this.isRefused(peer)) throw new AppError('denied', 'peer.refused', 'the protocol was broken too often; come back in a minute')
    const count = this.streams.get(peer) ?? 0
    if (count >= PEER_STREAMS || this.open >= ALL_STREAMS) throw new AppError('transient', 'host.busy', 'too many open streams')
    this.streams.set(peer, count + 1)
    this.open++
  }

  leave(peer: PeerKey): void {
    const count = (this.streams.get(peer) ?? 1) - 1
    if (count === 0) this.streams.delete(peer)
    else this.streams.set(peer, count)
    this.open--
  }

  /** Notes that a stream of `peer` was ended for breaking the protocol. */
  strike(peer: PeerKey): void {
    const recent = this.recent(peer, STRIKE_TIME)
    this.strikes.delete(peer)
    this.strikes.set(peer, [...recent, this.clock.now()].slice(-STRIKES))
    const oldest = this.strikes.keys().next()
    if (this.strikes.size > STRIKE_PEERS && oldest.done !== true) this.strikes.delete(oldest.value)
  }

  private isRefused(peer: PeerKey): boolean {
    return this.recent(peer, STRIKE_TIME).length >= STRIKES && this.recent(peer, REFUSAL_TIME).length > 0
  }

  private recent(peer: PeerKey, span: number): number[] {
    const now = this.clock.now()
    return (this.strikes.get(peer) ?? []).filter((time) => Math.abs(now - time) < span)
  }
}
