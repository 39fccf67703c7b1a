import type { Listener, Transport } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError } from '../core/base/errors.ts'
import type { Transports } from './assembly.ts'

/** "No status" (RFC 6455 section 7.4.1): may not be sent, so `close(1006)`, as libp2p breaks a connection, throws and leaves the socket open. */
const ABNORMAL = 1006
/** The first code that programs may use as they like. */
const BROKEN = 4000

interface Socket {
  close(code?: number, reason?: string): void
}
interface Dialler extends Transport {
  _connect(...args: unknown[]): Promise<Socket>
}
/** The WebSocket listener of libp2p, as far as we hand it sockets that another server accepted. */
export interface UpgradingListener extends Listener {
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  onWsServerConnection(socket: Socket, request: IncomingMessage): void
}

/**
 * libp2p's WebSockets, mended: a connection that is broken off is closed, on both sides. `onListener` gets each listener made.
 * Both reach into internals of a pinned version, and throw `bug` `websocket.internals` when these are gone.
 */
export function shoalWebSockets(onListener: (listener: UpgradingListener) => void = () => undefined): Transports[number] {
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
      if (isUpgrading(listener)) {
        const accept = listener.onWsServerConnection.bind(listener)
        listener.onWsServerConnection = (socket, request) => accept(closable(socket), request)
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

function isUpgrading(listener: Listener): listener is UpgradingListener {
  return 'onUpgrade' in listener && 'onWsServerConnection' in listener
}

/** What a caller throws who needs an internal of the library that is not there. */
export function changed(): AppError {
  return new AppError('bug', 'websocket.internals', 'the WebSocket transport of libp2p has changed')
}
