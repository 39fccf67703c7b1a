import { connect } from 'node:net'
import { concat, type Bytes } from '../../core/base/bytes.ts'
import type { PeerHint } from '../../core/ports/network.ts'
import * as ed25519 from '../../core/seal/ed25519.ts'
import { frame } from '../../core/swarm/frames.ts'
import { SHARD_PROTOCOL } from '../../core/swarm/limits.ts'
import { writeMessage, type Message } from '../../core/swarm/messages.ts'
import { tenantProof } from '../../core/swarm/tenant-proof.ts'
import { RawPeer } from '../../core/testkit/raw-peer.ts'
import { startBrowserPeer, type BrowserPeerInit } from '../../peer/browser.ts'
import type { Peer } from '../../peer/peer.ts'
import { systemClock, systemRandom } from '../../peer/system.ts'

/** A stranger with a key of its own, who speaks to hosts over the real network as badly as a test wants. */
export class Attacker {
  private readonly peer: Peer
  private readonly seed: Bytes

  private constructor(peer: Peer, seed: Bytes) {
    this.peer = peer
    this.seed = seed
  }

  /** Speaks WebSocket only, so it reaches hosts on Node; `webRtc` (peer/web-rtc.ts) lets it reach tabs. */
  static async join(relay: string, webRtc?: BrowserPeerInit['webRtc']): Promise<Attacker> {
    const seed = systemRandom.bytes(32)
    const init = { relays: [relay], seed, clock: systemClock, random: systemRandom, log: () => undefined }
    return new Attacker(await startBrowserPeer(webRtc === undefined ? init : { ...init, webRtc }), seed)
  }

  /** The hosts that announce themselves, once there are `count`. */
  async findHosts(count: number): Promise<PeerHint[]> {
    for (;;) {
      const found: PeerHint[] = []
      for await (const hint of this.peer.network.findHosts()) found.push(hint)
      if (found.length >= count) return found
      await systemClock.sleep(200)
    }
  }

  /** A direct stream on which nothing was read or written: a relay, which serves for want of one on a busy machine, carries too little for an attack. */
  async knock(host: PeerHint, protocol = SHARD_PROTOCOL): Promise<RawPeer> {
    for (;;) {
      const stream = await this.peer.network.open(host, protocol)
      if (stream.relayed !== true) return new RawPeer(stream)
      stream.abort(new Error('relayed'))
      await systemClock.sleep(200)
    }
  }

  /** A stream on which HELLO was answered, as a tenant or as a mere reader. */
  async greet(host: PeerHint, as: 'tenant' | 'reader' = 'tenant'): Promise<RawPeer> {
    const peer = await this.knock(host)
    const { nonce } = await peer.expect('hello')
    const signature = ed25519.sign(this.seed, tenantProof(host.key, this.peer.identity.key, nonce))
    await peer.send({ type: 'hi', proof: as === 'reader' ? undefined : { key: ed25519.keyFromSeed(this.seed), signature } })
    return peer
  }

  leave(): Promise<void> {
    return this.peer.network.close()
  }
}

/** Frames as they go over the wire, to be written at once. */
export function frames(messages: readonly Message[]): Bytes {
  return concat(messages.map((message) => frame((to) => writeMessage(to, message))))
}

/** The TCP port at which a host takes WebSockets. */
export function portOf(host: PeerHint): number {
  const port = host.addresses.map((address) => /^\/ip4\/127\.0\.0\.1\/tcp\/(\d+)\/ws/.exec(address)?.[1]).find((text) => text !== undefined)
  if (port === undefined) throw new Error(`no address on this machine: ${host.addresses.join(' ')}`)
  return Number(port)
}

/** Sends bytes that are no HTTP; resolves once the other side has hung up. */
export function tcpNoise(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      resolve()
    })
    socket.resume()
  })
}

/** Sends bytes that are no libp2p over a WebSocket; resolves once the other side has hung up. */
export function webSocketNoise(port: number, bytes: Bytes): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${String(port)}/`)
    socket.addEventListener('open', () => {
      socket.send(bytes)
    })
    socket.addEventListener('close', () => {
      resolve()
    })
  })
}
