import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { AppError } from '../core/base/errors.ts'
import type { RelayInfo } from '../peer/relay-info.ts'
import type { StaticFiles } from './static.ts'

/**
 * What a page of ours may do: its own scripts and WebAssembly, sockets and relay.json of relays anywhere, and nothing else.
 * `unsafe-inline` and `unsafe-eval` stay out; `frame-src 'self'` is for downloads, which run in a hidden frame.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self' ws: wss: http: https:",
  "worker-src 'self'",
  "frame-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
  "require-trusted-types-for 'script'",
  'trusted-types svelte-trusted-html shoal',
].join('; ')

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
}

/**
 * Pages and their workers are cross-origin isolated (HTML 7.1.4), the service worker is not: so a browser runs it in a process of its own, and the
 * downloads that pass through it outlive a tab that crashes.
 */
const SERVICE_WORKER = '/service-worker.js'
const ISOLATED = 'require-corp'

/** Sockets at once, WebSockets included: the relay's libp2p takes 8192, and pages come and go. */
const MAX_SOCKETS = 10_000

export interface RelayHttpInit {
  readonly files?: StaticFiles
  /** What `/relay.json` says to a client that reached us as `host` (a name or address, with port); `undefined` while the relay starts. */
  relayInfo(host: string): RelayInfo | undefined
  /** Takes a WebSocket over; `undefined` while the relay starts. */
  readonly upgrade: () => ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined
}

export interface RelayHttp {
  readonly port: number
  /** Stops answering, and drops every socket, those that were taken over included. */
  close(): Promise<void>
}

/** The relay's one port: files, `/relay.json`, `/healthz`, and the WebSocket at `/`. Throws `invalid` `port.used` or `port.denied`. */
export async function startHttp(listen: string, port: number, init: RelayHttpInit): Promise<RelayHttp> {
  const taken = new Set<Duplex>()
  const server = createServer((request, response) => answer(request, response, init))
  server.maxConnections = MAX_SOCKETS
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const upgrade = pathOf(request) === '/' ? init.upgrade() : undefined
    if (upgrade === undefined) {
      // Destroyed as well: the other side may leave its half open for ever, and `close` would wait for it.
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () => socket.destroy())
      return
    }
    taken.add(socket)
    socket.on('close', () => taken.delete(socket))
    upgrade(request, socket, head)
  })
  await listening(server, listen, port)
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      for (const socket of taken) socket.destroy()
      await closed
    },
  }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, host, port)))
    server.listen(port, host, resolve)
  })
}

function listenError(error: Error, host: string, port: number): AppError {
  const code = 'code' in error ? error.code : ''
  if (code === 'EADDRINUSE') return new AppError('invalid', 'port.used', `Port ${port} is in use by another program`, { cause: error })
  if (code === 'EACCES') return new AppError('invalid', 'port.denied', `Port ${port} may not be used by this user`, { cause: error })
  return new AppError('invalid', 'port.denied', `${host} port ${port} cannot be listened on (${String(code)})`, { cause: error })
}

function answer(request: IncomingMessage, response: ServerResponse, init: RelayHttpInit): void {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
  const path = pathOf(request)
  if (path === undefined) return text(response, 400, 'Bad request')
  if (path !== SERVICE_WORKER) response.setHeader('Cross-Origin-Embedder-Policy', ISOLATED)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    return text(response, 405, 'Only GET and HEAD')
  }
  if (path === '/healthz') return json(response, 200, { ok: true })
  if (path === '/relay.json') return relayJson(request, response, init)
  // What the service worker serves inside the browser must never be answered from here.
  const inside = path.startsWith('/s/') || path.startsWith('/drive/')
  if (!inside && init.files?.serve(path, request, response) === true) return
  text(response, 404, 'Not found')
}

function relayJson(request: IncomingMessage, response: ServerResponse, init: RelayHttpInit): void {
  response.setHeader('Access-Control-Allow-Origin', '*')
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin')
  const info = init.relayInfo(request.headers.host ?? '')
  if (info === undefined) json(response, 503, { error: 'The relay is starting' })
  else json(response, 200, info)
}

/** The decoded path of a request; `undefined` when it is malformed. */
function pathOf(request: IncomingMessage): string | undefined {
  try {
    return decodeURIComponent(new URL(request.url ?? '/', 'http://relay').pathname)
  } catch {
    return undefined
  }
}

function json(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json', `${JSON.stringify(value)}\n`)
}

function text(response: ServerResponse, status: number, message: string): void {
  send(response, status, 'text/plain; charset=utf-8', `${message}\n`)
}

/** Node leaves the body of an answer to HEAD out by itself. */
function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), 'Cache-Control': 'no-store' }).end(body)
}
