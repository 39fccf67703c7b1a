import { AppError } from '../core/base/errors.ts'
import { MAX_ADDRESSES, MAX_ADDRESS_LENGTH } from './identity.ts'

/** What `/relay.json` says. */
export interface RelayInfo {
  /** libp2p name of the relay. */
  readonly peer: string
  /** Multiaddrs, best first. */
  readonly addresses: readonly string[]
  /** STUN servers as `stun:host:port`. */
  readonly stun: readonly string[]
  readonly version: number
}

export const RELAY_INFO_VERSION = 1
/** More bytes than any honest relay has addresses for. */
export const MAX_RELAY_INFO = 16 * 1024

/** Checks a parsed `/relay.json`. Throws `invalid` `relay.malformed`, or `relay.version` for one of a later kind. */
export function parseRelayInfo(value: unknown): RelayInfo {
  if (typeof value !== 'object' || value === null) throw malformed('not an object')
  const { peer, addresses, stun, version } = value as Record<string, unknown>
  if (version !== RELAY_INFO_VERSION) throw new AppError('invalid', 'relay.version', 'a relay of another version')
  if (typeof peer !== 'string' || peer.length > 128) throw malformed('no peer')
  return { peer, addresses: texts(addresses), stun: texts(stun), version }
}

function texts(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > MAX_ADDRESSES) throw malformed('not a short list')
  return value.map((item: unknown) => {
    if (typeof item !== 'string' || item.length > MAX_ADDRESS_LENGTH) throw malformed('not an address')
    return item
  })
}

function malformed(why: string): AppError {
  return new AppError('invalid', 'relay.malformed', `relay.json: ${why}`)
}

/**
 * The origin of a relay as a person may write it: `relay.example`, `http://…`, `https://…`, `ws://…` or `wss://…`, any path dropped.
 * Throws `invalid` `relay.url`.
 */
export function relayOrigin(text: string): string {
  const url = parseUrl(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`)
  const protocol = { 'http:': 'http:', 'ws:': 'http:', 'https:': 'https:', 'wss:': 'https:' }[url.protocol]
  if (protocol === undefined || url.hostname === '') throw new AppError('invalid', 'relay.url', 'not the address of a relay')
  return `${protocol}//${url.host}`
}

function parseUrl(text: string): URL {
  try {
    return new URL(text.trim())
  } catch (cause) {
    throw new AppError('invalid', 'relay.url', 'not a URL', { cause })
  }
}

/** The multiaddr of the WebSocket behind an origin: what works for whoever reached that origin, whatever stands in front of the relay. */
export function originAddress(origin: string): string {
  const url = parseUrl(origin)
  const secure = url.protocol === 'https:'
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  return webSocketAddress(url.hostname, port, secure)
}

/** `/ip4|ip6|dns…/tcp/port[/tls]/ws` for a host name or an IP address, with or without brackets. */
export function webSocketAddress(host: string, port: number, secure = false): string {
  const name = host.replace(/^\[|\]$/g, '')
  const kind = /^[\d.]+$/.test(name) ? 'ip4' : name.includes(':') ? 'ip6' : 'dns'
  return `/${kind}/${name}/tcp/${port}${secure ? '/tls' : ''}/ws`
}
