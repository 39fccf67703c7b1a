import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { crc32 } from 'node:zlib'

/** STUN Binding (RFC 8489): tells who asks under which address the relay sees it, which is what WebRTC needs to cross a NAT. */

const BINDING_REQUEST = 0x0001
const BINDING_SUCCESS = 0x0101
const MAGIC_COOKIE = 0x2112a442
const HEADER = 20
const XOR_MAPPED_ADDRESS = 0x0020
const SOFTWARE = 0x8022
const FINGERPRINT = 0x8028
/** XORed with the CRC-32 of the message (RFC 8489 section 14.7). */
const FINGERPRINT_XOR = 0x5354554e
/** Longest request worth reading: clients send 20 to 130 bytes. */
const MAX_REQUEST = 548

export interface StunRequest {
  /** 12 bytes. */
  readonly transaction: Uint8Array
}

/** A Binding request, or `undefined` for anything else: malformed, indications, answers, wrong fingerprint (RFC 8489 sections 5 and 6.3). */
export function parseBindingRequest(message: Uint8Array): StunRequest | undefined {
  if (message.length < HEADER || message.length > MAX_REQUEST || message.length % 4 !== 0) return undefined
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  if (view.getUint16(0) !== BINDING_REQUEST || view.getUint32(4) !== MAGIC_COOKIE) return undefined
  if (view.getUint16(2) !== message.length - HEADER || !attributesFit(message, view)) return undefined
  return { transaction: message.slice(8, HEADER) }
}

/** Walks the attributes; a FINGERPRINT must be the last and right. What is unknown is ignored, as Binding needs none of it. */
function attributesFit(message: Uint8Array, view: DataView): boolean {
  let at = HEADER
  while (at < message.length) {
    const type = view.getUint16(at)
    const length = view.getUint16(at + 2)
    const next = at + 4 + Math.ceil(length / 4) * 4
    if (next > message.length) return false
    if (type === FINGERPRINT) return next === message.length && length === 4 && view.getUint32(at + 4) === fingerprint(message.subarray(0, at))
    at = next
  }
  return true
}

/** The Binding success response: XOR-MAPPED-ADDRESS (section 14.2), SOFTWARE unless empty, FINGERPRINT. `address` is an IPv4 or IPv6 literal. */
export function bindingResponse(request: StunRequest, address: string, port: number, software: string): Uint8Array {
  const name = new TextEncoder().encode(software)
  const host = isIPv6(address) ? ipv6Bytes(address) : Uint8Array.from(address.split('.'), Number)
  const named = name.length === 0 ? 0 : 4 + Math.ceil(name.length / 4) * 4
  const message = new Uint8Array(HEADER + named + 8 + host.length + 8)
  const view = new DataView(message.buffer)
  view.setUint16(0, BINDING_SUCCESS)
  view.setUint16(2, message.length - HEADER)
  view.setUint32(4, MAGIC_COOKIE)
  message.set(request.transaction, 8)
  let at = HEADER
  if (named > 0) {
    view.setUint16(at, SOFTWARE)
    view.setUint16(at + 2, name.length)
    message.fill(0x20, at + 4, at + named)
    message.set(name, at + 4)
    at += named
  }
  view.setUint16(at, XOR_MAPPED_ADDRESS)
  view.setUint16(at + 2, 4 + host.length)
  view.setUint8(at + 5, host.length === 4 ? 1 : 2)
  view.setUint16(at + 6, port ^ (MAGIC_COOKIE >>> 16))
  // The cookie and the transaction id stand in the message as the key stream that the address is XORed with.
  for (const [i, byte] of host.entries()) message[at + 8 + i] = byte ^ message[4 + i]!
  at += 8 + host.length
  view.setUint16(at, FINGERPRINT)
  view.setUint16(at + 2, 4)
  view.setUint32(at + 4, fingerprint(message.subarray(0, at)))
  return message
}

function fingerprint(before: Uint8Array): number {
  return (crc32(before) ^ FINGERPRINT_XOR) >>> 0
}

/** 16 bytes of an IPv6 literal, its zone dropped; an IPv4-mapped one may end in dotted decimals. */
function ipv6Bytes(text: string): Uint8Array {
  const plain = text.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a: string, b: string, c: string, d: string) => {
    return `${((Number(a) << 8) | Number(b)).toString(16)}:${((Number(c) << 8) | Number(d)).toString(16)}`
  })
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const words = tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return Uint8Array.from(words.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255]))
}

/** Answers per second to all of the world together: a reflector of 100-byte packets must not be worth using. */
const ANSWERS_PER_SECOND = 2000
/** Answers per second to one address: a browser asks a few times per connection. */
const ANSWERS_PER_ADDRESS = 20

export interface StunServer {
  readonly port: number
  close(): Promise<void>
}

/** Answers Binding requests on UDP `port` of `host`. Rejects when the port cannot be had. Malformed packets and floods get no answer. */
export async function startStun(host: string, port: number, options: { now: () => number; software?: string }): Promise<StunServer> {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' })
  const quota = new AnswerQuota(options.now)
  socket.on('message', (message, from) => {
    const response = responseTo(message, from, quota, options.software ?? 'shoal')
    if (response !== undefined) socket.send(response, from.port, from.address)
  })
  await bound(socket, host, port)
  // An ICMP error for one answer must not end the server.
  socket.on('error', () => undefined)
  return {
    port: socket.address().port,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}

/** The answer to a packet, or `undefined` where none is due. */
export function responseTo(message: Uint8Array, from: Pick<RemoteInfo, 'address' | 'port'>, quota: AnswerQuota, software: string): Uint8Array | undefined {
  const request = parseBindingRequest(message)
  // Whoever forges its port as 0 cannot be answered, and Node throws at the attempt.
  if (request === undefined || from.port === 0 || !quota.take(from.address)) return undefined
  // A socket for both families shows IPv4 clients as mapped; they want to know their IPv4 address.
  const address = from.address.replace(/^::ffff:(?=[\d.]+$)/, '')
  return bindingResponse(request, address, from.port, software)
}

function bound(socket: Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address, port }, () => {
      socket.off('error', reject)
      resolve()
    })
  })
}

/** Counts answers of the current second, in all and per address. */
export class AnswerQuota {
  private readonly now: () => number
  private second = 0
  private total = 0
  private readonly perAddress = new Map<RemoteInfo['address'], number>()

  constructor(now: () => number) {
    this.now = now
  }

  /** Whether one more answer may go to `address` now. */
  take(address: string): boolean {
    const second = Math.floor(this.now() / 1000)
    if (second !== this.second) {
      this.second = second
      this.total = 0
      this.perAddress.clear()
    }
    const count = this.perAddress.get(address) ?? 0
    if (this.total >= ANSWERS_PER_SECOND || count >= ANSWERS_PER_ADDRESS) return false
    this.total++
    this.perAddress.set(address, count + 1)
    return true
  }
}
