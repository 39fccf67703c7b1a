import type { PeerId } from '@libp2p/interface'
import { AppError, asAppError, throwIfAborted } from '../core/base/errors.ts'
import type { Clock, Random } from '../core/ports/clock.ts'
import type { PeerNode } from './assembly.ts'
import { parseAddresses, parsePeerId } from './identity.ts'
import type { Log } from './log.ts'
import { iceServersOf, MAX_RELAYS, originAddress, relayOrigin, type IceServer, type RelayInfo } from './relay-info.ts'
import { requestInfo } from './relay-request.ts'

/** Waits between attempts double from the first to the last. A request that nobody answers, the last wait, a request and a dial fit into 10 s. */
const FIRST_WAIT_MS = 500
const LAST_WAIT_MS = 4000
/** Failures in a row before the log says so: one that only starts again is not worth a line. */
const WORTH_SAYING = 2
/** `relay.json` is a few hundred bytes; a relay that takes longer is asked again later. */
const INFO_WITHIN_MS = 4000
/** How old `relay.json` may get while connected: TURN credentials end after 12 h, and relays come and go. */
const INFO_AGE_MS = 3_600_000
const DIAL_WITHIN_MS = 15_000
/** How often a connection that looks open is tried: a network that went away says nothing. */
const PROBE_EVERY_MS = 20_000
const PROBE_WITHIN_MS = 10_000
/** Above every other tag: a peer without its relay is not found by anybody. */
const RELAY_TAG = { 'shoal-relay': { value: 100 } }
/** Second names of relays to remember: more than all relays together may name at a time. */
const MAX_DOUBLES = 64

export interface RelayState {
  readonly url: string
  readonly connected: boolean
  /** Code of the error of the last attempt, while not connected. */
  readonly problem?: string
  /** Nobody chose it: a chosen relay names it. */
  readonly learned?: true
}

export interface RelayKeeperInit {
  readonly node: PeerNode
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** After every change of `relays()`. */
  readonly onChange: () => void
  /** Replaces the request for `relay.json` in tests. */
  readonly fetchInfo?: (origin: string, signal: AbortSignal) => Promise<RelayInfo>
}

interface Kept {
  readonly url: string
  readonly ending: AbortController
  /** Whether a person or a build named it, and not another relay. */
  chosen: boolean
  peer?: PeerId
  /** Its newest `relay.json`, kept while it is away, and when that came. */
  info?: RelayInfo
  asked: number
  /** Settles with the first answer to the request for it: rejects when there is none. */
  readonly answered: PromiseWithResolvers<unknown>
  connected: boolean
  problem?: string
  /** Ends the wait of the moment. */
  wake: () => void
}

/**
 * Keeps a connection to each chosen relay, and to those that these name (relay.md 1): dials whenever there is none, for ever, and probes the one there is. libp2p's own reconnecting
 * gives up at the first rejection that is not an `Error`, as a browser's WebSocket has it, and a lost reservation comes back only with the connection.
 */
export class RelayKeeper {
  private readonly init: RelayKeeperInit
  private readonly kept = new Map<string, Kept>()
  private chosen: ReadonlySet<string> = new Set()
  /** Learned names that lead to a relay kept under another one, or to this peer itself. */
  private readonly doubles = new Set<string>()

  constructor(init: RelayKeeperInit) {
    this.init = init
  }

  /** The relays kept to, chosen ones first, and whether each is connected. */
  relays(): RelayState[] {
    const sorted = [...this.kept.values()].sort((a, b) => Number(b.chosen) - Number(a.chosen))
    return sorted.map(({ url, connected, problem, chosen }) => ({
      url,
      connected,
      ...(problem === undefined ? {} : { problem }),
      ...(chosen ? {} : { learned: true as const }),
    }))
  }

  /** Whether `peer` is one of the relays. */
  isRelay(peer: PeerId): boolean {
    return this.withPeer(peer).length > 0
  }

  /**
   * STUN and TURN servers of the relays in reach for the next WebRTC connection: those of the swarm, never public ones. None is an answer, too. Waits for
   * the first relay that answers, as long as a request may take: a peer known from before is dialled sooner than that.
   */
  async iceServers(): Promise<IceServer[]> {
    const relays = [...this.kept.values()]
    await Promise.any(relays.map(({ answered }) => answered.promise)).catch(() => undefined)
    return iceServersOf(relays.flatMap(({ info, problem }) => (info === undefined || problem !== undefined ? [] : [info])))
  }

  /** From now on keeps these relays and those they name, and no others. Throws `invalid` `relay.url`, or `relay.too-many`; then nothing changes. */
  setRelays(urls: readonly string[]): void {
    const chosen = new Set(urls.map(relayOrigin))
    if (chosen.size > MAX_RELAYS) throw new AppError('invalid', 'relay.too-many', `at most ${MAX_RELAYS} relays`)
    this.chosen = chosen
    this.doubles.clear()
    this.reconcile()
  }

  /** Tries at once instead of after the wait of the moment: the network came back, or somebody looks at the page. */
  poke(): void {
    for (const relay of this.kept.values()) relay.wake()
  }

  /** Stops dialling; connections are left to whoever stops the node. */
  close(): void {
    for (const relay of this.kept.values()) relay.ending.abort()
  }

  /** Starts and ends what `wanted` asks for. */
  private reconcile(): void {
    const wanted = this.wanted()
    for (const [url, relay] of this.kept) {
      if (wanted.has(url)) continue
      relay.ending.abort()
      this.kept.delete(url)
      if (relay.peer !== undefined && !this.isRelay(relay.peer)) void this.forget(relay.peer)
    }
    for (const [url, chosen] of wanted) {
      const known = this.kept.get(url)
      if (known !== undefined) {
        known.chosen = chosen
        continue
      }
      const answered = Promise.withResolvers<unknown>()
      answered.promise.catch(() => undefined)
      const relay: Kept = { url, chosen, ending: new AbortController(), answered, connected: false, asked: 0, wake: () => undefined }
      this.kept.set(url, relay)
      void this.keep(relay)
    }
    this.init.onChange()
  }

  /** Origins to keep to, and whether each was chosen: those that were, and what these name. What learned ones name does not count. */
  private wanted(): Map<string, boolean> {
    const all = new Map([...this.chosen].map((url) => [url, true]))
    for (const url of this.chosen) {
      for (const further of this.kept.get(url)?.info?.relays ?? []) {
        const downgrade = url.startsWith('https:') && !further.startsWith('https:')
        if (all.has(further) || this.doubles.has(further) || downgrade) continue
        if (all.size >= MAX_RELAYS) return all
        all.set(further, false)
      }
    }
    return all
  }

  private withPeer(peer: PeerId): Kept[] {
    return [...this.kept.values()].filter((relay) => relay.peer?.equals(peer) === true)
  }

  private async keep(relay: Kept): Promise<void> {
    const { signal } = relay.ending
    let failures = 0
    while (!signal.aborted) {
      try {
        const peer = await this.connect(relay, signal)
        failures = 0
        this.note(relay, true)
        await this.untilLost(relay, peer, signal)
        this.note(relay, false)
      } catch (error) {
        // A browser's WebSocket rejects with a DOM event, so anything may be caught here.
        if (relay.peer !== undefined && !relay.ending.signal.aborted) this.drop(relay.peer)
        const problem = asAppError(error, 'transient', 'relay.unreachable')
        relay.answered.reject(problem)
        if (failures === WORTH_SAYING) this.init.log('warn', 'a relay cannot be reached, and is tried again', { relay: relay.url }, problem)
        this.note(relay, false, problem.code)
      }
      const wait = Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures) * (0.5 + this.init.random.unit() / 2)
      failures++
      if (await this.waitOrWake(relay, wait, signal)) failures = 0
    }
  }

  private async connect(relay: Kept, signal: AbortSignal): Promise<PeerId> {
    const { node } = this.init
    const info = await this.ask(relay, signal)
    const peer = parsePeerId(info.peer)
    if (peer.equals(node.peerId)) {
      this.dropNames([relay])
      throw new AppError('invalid', 'relay.self', 'this is the relay itself')
    }
    const before = relay.peer
    relay.peer = peer
    if (before !== undefined && !this.isRelay(before)) void this.forget(before)
    this.dropDoubles(peer)
    throwIfAborted(signal)
    const addresses = parseAddresses([originAddress(relay.url), ...info.addresses], peer)
    const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_WITHIN_MS)]) }
    await node.peerStore.merge(peer, { tags: RELAY_TAG })
    await node.dial(addresses, options)
    await node.services.ping.ping(peer, options)
    return peer
  }

  private async ask(relay: Kept, signal: AbortSignal): Promise<RelayInfo> {
    const { fetchInfo = requestInfo, clock } = this.init
    const info = await fetchInfo(relay.url, AbortSignal.any([signal, AbortSignal.timeout(INFO_WITHIN_MS)]))
    const named = relay.info?.relays.join() ?? ''
    relay.info = info
    relay.asked = clock.now()
    relay.answered.resolve(undefined)
    if (named !== info.relays.join() && !signal.aborted) this.reconcile()
    return info
  }

  /** One relay is kept under one name. Chosen names stay. */
  private dropDoubles(peer: PeerId): void {
    const same = this.withPeer(peer)
    const first = same.find(({ chosen }) => chosen) ?? same[0]
    this.dropNames(same.filter((relay) => relay !== first && !relay.chosen))
  }

  private dropNames(relays: readonly Kept[]): void {
    if (relays.length === 0) return
    if (this.doubles.size >= MAX_DOUBLES) this.doubles.clear()
    for (const { url } of relays) this.doubles.add(url)
    this.reconcile()
  }

  /** Resolves when the connection is gone, or does not answer any more: then it is dropped. */
  private async untilLost(relay: Kept, peer: PeerId, signal: AbortSignal): Promise<void> {
    const { node } = this.init
    const gone = new AbortController()
    const onDisconnect = ({ detail }: CustomEvent<PeerId>) => {
      if (!detail.equals(peer)) return
      gone.abort()
      relay.wake()
    }
    node.addEventListener('peer:disconnect', onDisconnect)
    try {
      const here = () => !signal.aborted && !gone.signal.aborted && node.getConnections(peer).length > 0
      while (here()) {
        await this.waitOrWake(relay, PROBE_EVERY_MS, signal)
        if (here()) await this.probe(peer, gone.signal)
        if (here() && this.init.clock.now() - relay.asked >= INFO_AGE_MS) await this.askAgain(relay, signal)
      }
    } finally {
      node.removeEventListener('peer:disconnect', onDisconnect)
    }
  }

  private async probe(peer: PeerId, gone: AbortSignal): Promise<void> {
    try {
      await this.init.node.services.ping.ping(peer, { signal: AbortSignal.any([gone, AbortSignal.timeout(PROBE_WITHIN_MS)]) })
    } catch (error) {
      this.init.log('info', 'a relay does not answer', {}, error)
      this.drop(peer)
    }
  }

  /** The connection is what counts: a `relay.json` that does not come now is asked for again after the next probe. */
  private async askAgain(relay: Kept, signal: AbortSignal): Promise<void> {
    try {
      await this.ask(relay, signal)
    } catch (error) {
      this.init.log('info', 'a relay does not say what it offers', {}, error)
    }
  }

  /** Breaks every connection to `peer`: stale ones pile up, and a dial would take one of them. */
  private drop(peer: PeerId): void {
    for (const connection of this.init.node.getConnections(peer)) connection.abort(new AppError('transient', 'relay.lost', 'the relay does not answer'))
  }

  /** Leaves a relay that nobody wants any more. libp2p tags peers to be dialled again, so it must not know this one. */
  private async forget(peer: PeerId): Promise<void> {
    await this.init.node.peerStore.delete(peer).catch((error: unknown) => this.init.log('warn', 'a relay could not be forgotten', {}, error))
    this.drop(peer)
  }

  private note(relay: Kept, connected: boolean, problem?: string): void {
    if (relay.ending.signal.aborted) return
    relay.connected = connected
    if (problem === undefined) delete relay.problem
    else relay.problem = problem
    this.init.onChange()
  }

  /** Resolves to true when it was woken before its time. */
  private async waitOrWake(relay: Kept, ms: number, signal: AbortSignal): Promise<boolean> {
    const woken = new AbortController()
    relay.wake = () => woken.abort()
    try {
      await this.init.clock.sleep(ms, AbortSignal.any([signal, woken.signal]))
      return false
    } catch {
      return woken.signal.aborted
    } finally {
      relay.wake = () => undefined
    }
  }
}
