import type { Listener, Transport } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import { AppError } from '../core/base/errors.ts'
import type { Transports } from './assembly.ts'

/** "No status" (RFC 6455 section 7.4.1): may not be sent, so `close(1006)`, as libp2p breaks a connection, throws and leaves the socket open. */
const ABNORMAL = 1006
/** The first code that programs may use as they like. */
const BROKEN = 4000
/** Bytes of one message. libp2p sends a Noise message at a time, 64 KiB; the library takes 100 MiB, and from anybody, before any handshake. */
export const MAX_MESSAGE = 1024 * 1024

interface Socket {
  close(code?: number, reason?: string): void
}
/** A socket of the package `ws`: it emits `error` for any malformed frame, and closes itself. */
interface AcceptedSocket extends Socket {
  on(type: 'error', listener: () => void): unknown
}
interface Dialler extends Transport {
  _connect(...args: unknown[]): Promise<Socket>
}
/** The WebSocket listener of libp2p on Node. Types of Node stay out of this file: browsers load it, too. */
interface AcceptingListener extends Listener {
  readonly wsServer: { readonly options: { maxPayload: number } }
  onWsServerConnection(socket: AcceptedSocket, ...request: unknown[]): void
}

/**
 * libp2p's WebSockets, mended: a connection that is broken off is closed, on both sides; malformed frames and oversized messages end a
 * connection, not the process. `onListener` gets
 * each listener made. All of it reaches into internals of a pinned version, and throws `bug` `websocket.internals` when these are gone.
 */
export function shoalWebSockets(onListener: (listener: Listener) => void = () => undefined): Transports[number] {
  const factory = webSockets()
  return (components) => {
    const transport = factory(components)
    if (!isDialler(transport)) throw changed()
    const connect = transport._connect.bind(transport)
    transport._connect = async (...args) => closable(await connect(...args))
    const create = transport.createListener.bind(transport)
    transport.createListener = (options) => {
      const listener = create(options)
      // In a browser nobody listens, and the listener there is another.
      if (isAccepting(listener)) {
        const accept = listener.onWsServerConnection.bind(listener)
        listener.onWsServerConnection = (socket, ...request) => {
          // libp2p does not listen, and an error that nobody hears ends the process: one bad frame of anybody would.
          socket.on('error', () => undefined)
          accept(closable(socket), ...request)
        }
        listener.wsServer.options.maxPayload = MAX_MESSAGE
        onListener(listener)
      }
      return listener
    }
    return transport
  }
}

function closable<S extends Socket>(socket: S): S {
  const close = socket.close.bind(socket)
  socket.close = (code, reason) => close(code === ABNORMAL ? BROKEN : code, reason)
  return socket
}

function isDialler(transport: Transport): transport is Dialler {
  return '_connect' in transport && typeof transport._connect === 'function'
}

function isAccepting(listener: Listener): listener is AcceptingListener {
  return 'wsServer' in listener && 'onWsServerConnection' in listener
}

/** What a caller throws who needs an internal of the library that is not there. */
export function changed(): AppError {
  return new AppError('bug', 'websocket.internals', 'the WebSocket transport of libp2p has changed')
}
