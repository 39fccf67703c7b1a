import type { PeerInfo } from '@libp2p/interface'
import type { PeerHint, PeerKey } from '../core/ports/network.ts'
import { carriesStreams, MAX_ADDRESSES, peerKeyOf } from './identity.ts'
import { BUCKET_FULL } from './host-buckets.ts'

/** Hosts found and not yet taken, from which on no further bucket is read. */
const MAX_WAITING = 2 * BUCKET_FULL

/** Hosts on their way from look-ups to whoever wants them, each once. */
export class HostQueue {
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
