import { ConnectionFailedError, type MultiaddrConnection, type Upgrader } from '@libp2p/interface'
import { webRTC } from '@libp2p/webrtc'
import type { Transports } from './assembly.ts'
import type { IceServer } from './relay-info.ts'

/** Bytes of one message: a whole frame of ours and the library's few around it would be two messages at its default of 16 KiB, and cost as much each. */
const MAX_MESSAGE = 64 * 1024
/** Streams that a peer opens before the connection is known here: identify, the DHT, a shard stream. The rest is refused. */
const MAX_EARLY_STREAMS = 16

/**
 * libp2p's WebRTC. `iceServers` is asked for each connection; without any, only peers of the same network are reached: the library's own default is
 * public servers of third parties, which are never asked. Loads `RTCPeerConnection` from the globals, on Node from a native module.
 */
export function shoalWebRtc(iceServers: () => readonly IceServer[]): Transports[number] {
  const rtcConfiguration = () => ({ iceServers: iceServers().map(({ urls, ...rest }) => ({ urls: [...urls], ...rest })) })
  const transport = webRTC({ rtcConfiguration, dataChannel: { maxMessageSize: MAX_MESSAGE }, maxEarlyStreams: MAX_EARLY_STREAMS })
  return (components) => {
    const upgrader = refusingDead(components.upgrader)
    return transport(new Proxy(components, { get: (target, name) => (name === 'upgrader' ? upgrader : (Reflect.get(target, name) as unknown)) }))
  }
}

/**
 * `upgrader`, but a WebRTC connection that failed while it was being signalled is refused. The library takes one that a stranger left in the middle of its
 * handshake for connected: it would stand as an open connection, and count as one, for good, since nothing more is ever heard of it.
 */
export function refusingDead(upgrader: Upgrader): Upgrader {
  return new Proxy(upgrader, {
    get(target, name) {
      if (name !== 'upgradeInbound') return Reflect.get(target, name) as unknown
      const upgradeInbound: Upgrader['upgradeInbound'] = async (connection, options) => {
        const state = stateOf(connection)
        if (state === 'failed' || state === 'closed') throw new ConnectionFailedError(`the connection ${state} while it was being made`)
        await target.upgradeInbound(connection, options)
      }
      return upgradeInbound
    },
  })
}

/** What the `RTCPeerConnection` below says of itself. */
function stateOf(connection: MultiaddrConnection & { readonly peerConnection?: Pick<RTCPeerConnection, 'connectionState'> }): string | undefined {
  return connection.peerConnection?.connectionState
}
