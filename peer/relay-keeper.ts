import type { PeerId } from '@libp2p/interface'
import { AppError, asAppError } from '../core/base/errors.ts'
import type { Clock, Random } from '../core/ports/clock.ts'
import type { PeerNode } from './assembly.ts'
import { parseAddresses, parsePeerId } from './identity.ts'
import type { Log } from './log.ts'
import { MAX_RELAY_INFO, originAddress, parseRelayInfo, relayOrigin, type RelayInfo } from './relay-info.ts'
import type { IceServer } from './web-rtc.ts'

/** Waits between attempts double from the first to the last. The last, a request and a dial fit into 10 s. */
const FIRST_WAIT_MS = 500
const LAST_WAIT_MS = 6000
/** `relay.json` is a few hundred bytes; a relay that takes longer is asked again later. */
const INFO_WITHIN_MS = 5000
const DIAL_WITHIN_MS = 15_000
/** How often a connection that looks open is tried: a network that went away says nothing. */
const PROBE_EVERY_MS = 20_000
const PROBE_WITHIN_MS = 10_000
/** Above every other tag: a peer without its relay is not found by anybody. */
const RELAY_TAG = { 'shoal-relay': { value: 100 } }
/** Relays that a person may name. */
const MAX_RELAYS = 8

export interface RelayState {
  readonly url: string
  readonly connected: boolean
  /** Code of the error of the last attempt, while not connected. */
  readonly problem?: string
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
  peer?: PeerId
  stun?: readonly string[]
  connected: boolean
  problem?: string
  /** Ends the wait of the moment. */
  wake: () => void
}

/**
 * Keeps a connection to each wanted relay: dials whenever there is none, for ever, and probes the one there is. libp2p's own reconnecting
 * gives up at the first rejection that is not an `Error`, as a browser's WebSocket has it, and a lost reservation comes back only with the connection.
 */
export class RelayKeeper {
  private readonly init: RelayKeeperInit
  private readonly kept = new Map<string, Kept>()

  constructor(init: RelayKeeperInit) {
    this.init = init
  }

  /** The wanted relays, by URL, and whether each is connected. */
  relays(): RelayState[] {
    return [...this.kept.values()].map(({ url, connected, problem }) => ({ url, connected, ...(problem === undefined ? {} : { problem }) }))
  }

  /** STUN servers that the relays named last. */
  iceServers(): readonly IceServer[] {
    const urls = [...this.kept.values()].flatMap(({ stun }) => stun ?? [])
    return urls.length === 0 ? [] : [{ urls }]
  }

  /** Whether `peer` is one of the relays. */
  isRelay(peer: PeerId): boolean {
    return [...this.kept.values()].some((relay) => relay.peer?.equals(peer) === true)
  }

  /** From now on keeps these relays and no others. Throws `invalid` `relay.url`, or `relay.too-many`; then nothing changes. */
  setRelays(urls: readonly string[]): void {
    const wanted = new Set(urls.map(relayOrigin))
    if (wanted.size > MAX_RELAYS) throw new AppError('invalid', 'relay.too-many', `at most ${MAX_RELAYS} relays`)
    for (const [url, relay] of this.kept) {
      if (wanted.has(url)) continue
      relay.ending.abort()
      this.kept.delete(url)
      if (relay.peer !== undefined) void this.forget(relay.peer)
    }
    for (const url of wanted) {
      if (this.kept.has(url)) continue
      const relay: Kept = { url, ending: new AbortController(), connected: false, wake: () => undefined }
      this.kept.set(url, relay)
      void this.keep(relay)
    }
    this.init.onChange()
  }

  /** Tries at once instead of after the wait of the moment: the network came back, or somebody looks at the page. */
  poke(): void {
    for (const relay of this.kept.values()) relay.wake()
  }

  /** Stops dialling; connections are left to whoever stops the node. */
  close(): void {
    for (const relay of this.kept.values()) relay.ending.abort()
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
        if (relay.peer !== undefined) this.drop(relay.peer)
        this.note(relay, false, asAppError(error, 'transient', 'relay.unreachable').code)
      }
      const wait = Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures) * (0.5 + this.init.random.unit() / 2)
      failures++
      if (await this.waitOrWake(relay, wait, signal)) failures = 0
    }
  }

  private async connect(relay: Kept, signal: AbortSignal): Promise<PeerId> {
    const { node, fetchInfo = requestInfo } = this.init
    const info = await fetchInfo(relay.url, AbortSignal.any([signal, AbortSignal.timeout(INFO_WITHIN_MS)]))
    const peer = parsePeerId(info.peer)
    if (relay.peer !== undefined && !relay.peer.equals(peer)) void this.forget(relay.peer)
    relay.peer = peer
    relay.stun = info.stun
    const addresses = parseAddresses([originAddress(relay.url), ...info.addresses], peer)
    const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_WITHIN_MS)]) }
    await node.peerStore.merge(peer, { tags: RELAY_TAG })
    await node.dial(addresses, options)
    await node.services.ping.ping(peer, options)
    return peer
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

/** Asks a relay for its addresses. Throws `transient` `relay.unreachable` or `invalid` `relay.malformed`. */
export async function requestInfo(origin: string, signal: AbortSignal): Promise<RelayInfo> {
  const text = await request(origin, signal)
  if (text === undefined) throw new AppError('invalid', 'relay.malformed', 'relay.json is too long')
  try {
    return parseRelayInfo(JSON.parse(text))
  } catch (error) {
    throw asAppError(error, 'invalid', 'relay.malformed')
  }
}

async function request(origin: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const response = await fetch(`${origin}/relay.json`, { signal, cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer' })
    if (response.ok) return await textOf(response)
    throw new AppError('transient', 'relay.unreachable', `relay.json: status ${response.status}`)
  } catch (cause) {
    throw new AppError('transient', 'relay.unreachable', 'the relay does not answer', { cause })
  }
}

/** The body of an answer; `undefined` when it is too long, however much more there is. */
async function textOf({ body }: Response): Promise<string | undefined> {
  const decoder = new TextDecoder()
  const reader = body?.getReader()
  let text = ''
  for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
    text += decoder.decode(next.value, { stream: true })
    if (text.length <= MAX_RELAY_INFO) continue
    await reader?.cancel()
    return undefined
  }
  return text
}
