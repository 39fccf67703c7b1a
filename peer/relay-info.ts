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
  readonly turn: readonly TurnServer[]
  /** Origins of further relays of the swarm. */
  readonly relays: readonly string[]
  readonly version: number
}

/** A TURN server, with what it wants to hear. */
export interface TurnServer {
  readonly urls: readonly string[]
  readonly username: string
  readonly credential: string
}

/** An `RTCIceServer`, where no DOM types are. */
export interface IceServer {
  urls: string[]
  username?: string
  credential?: string
}

export const RELAY_INFO_VERSION = 1
/** Relays that a peer keeps to, chosen and learned: each costs a connection. */
export const MAX_RELAYS = 8
/** TURN servers that a relay names, and URLs of each: UDP, TCP and TLS of one server are three. */
const MAX_TURN = 4
/** Characters of a user name or credential; those of the TURN REST API have 40. */
const MAX_CREDENTIAL = 256
/** Of all relays together: with five and more, browsers warn and gather slowly. */
const MAX_ICE_STUN = 2
const MAX_ICE_TURN = 2
const HOST_AND_PORT = String.raw`(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::\d{1,5})?`
/** More bytes than any honest relay has addresses for. */
export const MAX_RELAY_INFO = 16 * 1024

/** Checks a parsed `/relay.json`. Throws `invalid` `relay.malformed`, or `relay.version` for one of a later kind. */
export function parseRelayInfo(value: unknown): RelayInfo {
  if (typeof value !== 'object' || value === null) throw malformed('not an object')
  const { peer, addresses, stun, turn, relays, version } = value as Record<string, unknown>
  if (version !== RELAY_INFO_VERSION) throw new AppError('invalid', 'relay.version', 'a relay of another version')
  if (typeof peer !== 'string' || peer.length > 128) throw malformed('no peer')
  return { peer, addresses: texts(addresses, MAX_ADDRESSES), stun: stunUrls(stun), turn: turnServers(turn), relays: origins(relays), version }
}

/** STUN and TURN servers of several relays as WebRTC wants them, those of the first first, no more than a browser likes. */
export function iceServersOf(infos: readonly RelayInfo[]): IceServer[] {
  const stun = [...new Set(infos.flatMap((info) => info.stun))].slice(0, MAX_ICE_STUN)
  const turn = infos.flatMap((info) => info.turn).slice(0, MAX_ICE_TURN)
  const servers = turn.map(({ urls, username, credential }) => ({ urls: [...urls], username, credential }))
  return stun.length === 0 ? servers : [{ urls: stun }, ...servers]
}

function texts(value: unknown, most: number): string[] {
  if (!Array.isArray(value) || value.length > most) throw malformed('not a short list')
  return value.map((item: unknown) => {
    if (typeof item !== 'string' || item.length > MAX_ADDRESS_LENGTH) throw malformed('not an address')
    return item
  })
}

/** Whether `text` is a STUN URL (RFC 7064) that names a host. */
export function isStunUrl(text: string): boolean {
  return new RegExp(`^stuns?:${HOST_AND_PORT}$`, 'i').test(text)
}

/** Whether `text` is a TURN URL (RFC 7065) that names a host. */
export function isTurnUrl(text: string): boolean {
  return new RegExp(`^turns?:${HOST_AND_PORT}(?:\\?transport=(?:udp|tcp))?$`, 'i').test(text)
}

function stunUrls(value: unknown): string[] {
  const urls = texts(value, MAX_ADDRESSES)
  if (!urls.every(isStunUrl)) throw malformed('not a STUN server')
  return urls
}

function turnServers(value: unknown): TurnServer[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > MAX_TURN) throw malformed('not a short list')
  return value.map((item: unknown) => {
    if (typeof item !== 'object' || item === null) throw malformed('not a TURN server')
    const { urls, username, credential } = item as Record<string, unknown>
    const list = texts(urls, MAX_TURN)
    if (list.length === 0 || !list.every(isTurnUrl)) throw malformed('not a TURN server')
    return { urls: list, username: secret(username), credential: secret(credential) }
  })
}

function secret(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_CREDENTIAL) throw malformed('not a credential')
  return value
}

function origins(value: unknown): string[] {
  if (value === undefined) return []
  const list = texts(value, MAX_RELAYS)
  // As an origin is written and no other way, so that one relay has one name.
  if (!list.every((text) => /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text)) throw malformed('not an origin')
  return list
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
