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
  return webRTC({ rtcConfiguration, dataChannel: { maxMessageSize: MAX_MESSAGE }, maxEarlyStreams: MAX_EARLY_STREAMS })
}
