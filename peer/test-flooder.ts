import type { Stream } from '@libp2p/interface'
import { createLibp2p } from 'libp2p'
import type { PeerHint } from '../core/ports/network.ts'
import { nodeOptions, peerServices, shoalCircuits } from './assembly.ts'
import { parseAddresses, peerIdOf, privateKeyFromSeed } from './identity.ts'
import { systemRandom } from './system.ts'
import { shoalWebRtc } from './web-rtc.ts'
import { shoalWebSockets } from './web-sockets.ts'

/** Streams that are asked for at once: each is a negotiation. */
const TOGETHER = 100
const PATIENCE_MS = 30_000

export interface Flooder {
  /** Streams that the host agreed to, and those of them that it has not ended. */
  readonly agreed: number
  open(): number
  leave(): Promise<void>
}

/** A stranger on Node that opens `count` streams to a tab over one connection, with no limit of its own, and keeps what it gets. */
export async function floodWithStreams(host: PeerHint, protocol: string, count: number): Promise<Flooder> {
  const node = await createLibp2p({
    ...nodeOptions({
      privateKey: await privateKeyFromSeed(systemRandom.bytes(32)),
      transports: [shoalWebSockets(), shoalCircuits(), shoalWebRtc(() => Promise.resolve([]))],
      listen: [],
      maxConnections: 10,
      inboundPerSecond: 1,
      inboundPending: 1,
    }),
    services: peerServices('client'),
  })
  const connection = await node.dial(parseAddresses(host.addresses, peerIdOf(host.key)), { signal: AbortSignal.timeout(PATIENCE_MS) })
  const streams: Stream[] = []
  for (let asked = 0; asked < count; asked += TOGETHER) {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const some = Array.from({ length: Math.min(TOGETHER, count - asked) }, () => connection.newStream(protocol, { signal, maxOutboundStreams: count + 1 }))
    for (const answer of await Promise.allSettled(some)) if (answer.status === 'fulfilled') streams.push(answer.value)
  }
  return {
    agreed: streams.length,
    open: () => streams.filter(({ status }) => status === 'open').length,
    leave: async () => node.stop(),
  }
}
