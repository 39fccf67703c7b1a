import { ConnectionFailedError, type MultiaddrConnection, type Upgrader } from '@libp2p/interface'
import { webRTC } from '@libp2p/webrtc'
import { AppError } from '../core/base/errors.ts'
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
export function shoalWebRtc(iceServers: () => Promise<readonly IceServer[]>): Transports[number] {
  const rtcConfiguration = async () => ({ iceServers: (await iceServers()).map(({ urls, ...rest }) => ({ urls: [...urls], ...rest })) })
  const webRtc = webRTC({ rtcConfiguration, dataChannel: { maxMessageSize: MAX_MESSAGE }, maxEarlyStreams: MAX_EARLY_STREAMS })
  return (components) => {
    const upgrader = onceConnected(components.upgrader)
    const transport = webRtc(new Proxy(components, { get: (target, name) => (name === 'upgrader' ? upgrader : (Reflect.get(target, name) as unknown)) }))
    const dial = transport.dial.bind(transport)
    transport.dial = (address, options) => dial(address, { ...options, upgrader: onceConnected(options.upgrader) })
    return transport
  }
}

/**
 * `upgrader`, but a WebRTC connection becomes one of libp2p's only once it is connected. The library swallows whatever ends the signalling: a stranger who left
 * in the middle of it would stand as an open connection, and count as one, for good, since nothing more is ever heard of it.
 */
export function onceConnected(upgrader: Upgrader): Upgrader {
  const upgradeInbound: Upgrader['upgradeInbound'] = async (connection, options) => {
    await connected(connection, options.signal)
    await upgrader.upgradeInbound(connection, options)
  }
  const upgradeOutbound: Upgrader['upgradeOutbound'] = async (connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeOutbound']>[1]) => {
    await connected(connection, options.signal)
    return upgrader.upgradeOutbound(connection, options)
  }
  const mended = new Map<string | symbol, unknown>([
    ['upgradeInbound', upgradeInbound],
    ['upgradeOutbound', upgradeOutbound],
  ])
  return new Proxy(upgrader, { get: (target, name) => mended.get(name) ?? (Reflect.get(target, name) as unknown) })
}

/** Rejects when the connection fails or is closed, or `signal` fires, before it is connected. */
async function connected(connection: MultiaddrConnection & { readonly peerConnection?: RTCPeerConnection }, signal: AbortSignal): Promise<void> {
  const { peerConnection } = connection
  if (peerConnection === undefined) throw new AppError('bug', 'rtc.unknown', 'a WebRTC connection that does not say what it is made of')
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const look = (): void => {
    const { connectionState } = peerConnection
    if (connectionState === 'connected') resolve(undefined)
    else if (connectionState === 'failed' || connectionState === 'closed') reject(new ConnectionFailedError(`the connection ${connectionState} while it was being made`))
  }
  const late = (): void => reject(new ConnectionFailedError('the connection took too long'))
  peerConnection.addEventListener('connectionstatechange', look)
  signal.addEventListener('abort', late)
  look()
  if (signal.aborted) late()
  try {
    await promise
  } finally {
    peerConnection.removeEventListener('connectionstatechange', look)
    signal.removeEventListener('abort', late)
  }
}
