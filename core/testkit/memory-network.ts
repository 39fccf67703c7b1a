import { AppError, asAppError, throwIfAborted } from '../base/errors.ts'
import type { ByteStream, Network, NetworkState, PeerHint, PeerKey, StreamHandler } from '../ports/network.ts'
import { memoryPair, type MemoryStream, type MemoryStreamOptions } from './memory-stream.ts'

/** A small world: every `Network` that joined reaches every other, until the test says otherwise. */
export class MemoryHub {
  readonly members = new Map<PeerKey, MemoryNetwork>()
  readonly announced = new Set<PeerKey>()
  /** What handlers rejected with, in order; a real network would log these. */
  readonly failures: AppError[] = []
  private readonly cuts = new Set<string>()
  private readonly hidden = new Set<PeerKey>()
  private readonly links: { readonly ends: readonly [PeerKey, PeerKey]; readonly stream: MemoryStream }[] = []
  private readonly streams: MemoryStreamOptions

  constructor(streams: MemoryStreamOptions = {}) {
    this.streams = streams
  }

  /** A peer under `key`; the peer that had this key before is replaced, as after a restart. */
  join(key: PeerKey): MemoryNetwork {
    const network = new MemoryNetwork(this, key)
    this.members.set(key, network)
    return network
  }

  /** Breaks all streams between `a` and `b`, and refuses new ones until `heal`. */
  cut(a: PeerKey, b: PeerKey): void {
    this.cuts.add(pair(a, b))
    this.breakWhere((ends) => ends.includes(a) && ends.includes(b))
  }

  heal(a: PeerKey, b: PeerKey): void {
    this.cuts.delete(pair(a, b))
  }

  /** Breaks all streams between `a` and `b`; new ones work at once. */
  drop(a: PeerKey, b: PeerKey): void {
    this.breakWhere((ends) => ends.includes(a) && ends.includes(b))
  }

  /** The peer dies: its streams break, nobody reaches it. Its announcement stays a while, as in the DHT. */
  kill(key: PeerKey): void {
    this.members.delete(key)
    this.breakWhere((ends) => ends.includes(key))
  }

  /** New streams to `key` fail; those that are open go on. */
  hide(key: PeerKey): void {
    this.hidden.add(key)
  }

  show(key: PeerKey): void {
    this.hidden.delete(key)
  }

  /** Peers that `key` has a stream with. */
  peersOf(key: PeerKey): PeerKey[] {
    const peers = new Set<PeerKey>()
    for (const link of this.links) {
      if (link.stream.broken || !link.ends.includes(key)) continue
      peers.add(link.ends[0] === key ? link.ends[1] : link.ends[0])
    }
    return [...peers]
  }

  connect(from: PeerKey, to: PeerKey, protocol: string): ByteStream {
    const target = this.members.get(to)
    if (target === undefined || this.members.get(from) === undefined || this.hidden.has(to) || this.cuts.has(pair(from, to))) {
      throw new AppError('transient', 'peer.unreachable', `no way to ${to.slice(0, 8)}`)
    }
    const handler = target.handlers.get(protocol)
    if (handler === undefined) throw new AppError('transient', 'peer.protocol', `${to.slice(0, 8)} does not speak ${protocol}`)
    const [ours, theirs] = memoryPair(this.streams)
    this.links.push({ ends: [from, to], stream: ours })
    const serving = async () => {
      try {
        await handler(theirs, from)
      } catch (error) {
        const failure = asAppError(error)
        this.failures.push(failure)
        theirs.abort(failure)
      }
    }
    void serving()
    this.changed()
    return ours
  }

  private breakWhere(matches: (ends: readonly [PeerKey, PeerKey]) => boolean): void {
    for (const link of this.links) {
      if (matches(link.ends)) link.stream.abort(new AppError('transient', 'stream.lost', 'the test cut this link'))
    }
    this.changed()
  }

  private changed(): void {
    for (const member of this.members.values()) member.changed()
  }
}

/** One peer of a `MemoryHub`. */
export class MemoryNetwork implements Network {
  readonly self: PeerKey
  readonly handlers = new Map<string, StreamHandler>()
  private readonly hub: MemoryHub
  private readonly listeners = new Set<() => void>()

  constructor(hub: MemoryHub, self: PeerKey) {
    this.hub = hub
    this.self = self
  }

  state(): NetworkState {
    return { peers: this.hub.peersOf(this.self), relayed: [], relays: [] }
  }

  watch(listener: () => void, signal: AbortSignal): void {
    this.listeners.add(listener)
    signal.addEventListener('abort', () => this.listeners.delete(listener), { once: true })
  }

  async open(peer: PeerHint, protocol: string, options: { signal?: AbortSignal } = {}): Promise<ByteStream> {
    await Promise.resolve()
    throwIfAborted(options.signal)
    return this.hub.connect(this.self, peer.key, protocol)
  }

  handle(protocol: string, handler: StreamHandler, signal: AbortSignal): Promise<void> {
    this.handlers.set(protocol, handler)
    signal.addEventListener('abort', () => this.handlers.delete(protocol), { once: true })
    return Promise.resolve()
  }

  async *findHosts(options: { signal?: AbortSignal } = {}): AsyncIterable<PeerHint> {
    for (const key of [...this.hub.announced]) {
      await Promise.resolve()
      if (options.signal?.aborted === true) return
      if (key !== this.self) yield { key, addresses: [`/memory/${key.slice(0, 8)}`] }
    }
  }

  announce(signal: AbortSignal): Promise<void> {
    this.hub.announced.add(this.self)
    signal.addEventListener('abort', () => this.hub.announced.delete(this.self), { once: true })
    return Promise.resolve()
  }

  /** Leaves the hub for good, announcement included. */
  close(): Promise<void> {
    this.hub.announced.delete(this.self)
    if (this.hub.members.get(this.self) === this) this.hub.kill(this.self)
    return Promise.resolve()
  }

  changed(): void {
    for (const listener of [...this.listeners]) listener()
  }
}

function pair(a: PeerKey, b: PeerKey): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
