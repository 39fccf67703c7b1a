import type { Bytes } from '../base/bytes.ts'
import type { ErrorKind } from '../base/errors.ts'
import { byte, bytes, decode, fixed, list, malformed, optional, refined, struct, text, uint, Writer, type Codec, type Decoded } from '../formats/codec.ts'
import { MAX_ADVERT, MAX_CODE, MAX_DATA, MAX_DETAIL, MAX_LIST, MAX_OBJECT, MAX_PROOF, MAX_RECEIPT, MAX_RECORD, MAX_SHARD, WINDOW } from './limits.ts'

/** Error kinds in the order of the wire: their index is the byte that stands for them. */
export const WIRE_KINDS: readonly ErrorKind[] = ['absent', 'corrupt', 'transient', 'quota', 'denied', 'aborted', 'invalid', 'bug']

const root = fixed(32)
const atLeast1 = (codec: Codec<number>): Codec<number> => refined(codec, (value) => (value < 1 ? 'a zero that must not be' : undefined))
/** 0 belongs to the stream, only ERROR may carry it. */
const anyId = uint(2 ** 32 - 1)
const id = atLeast1(anyId)
const shardSize = atLeast1(uint(MAX_SHARD))

/** Type byte and body of every frame of shard.md. */
const FORMS = {
  hello: [0x01, struct({ nonce: fixed(32), advert: bytes(MAX_ADVERT) })],
  hi: [0x02, struct({ proof: optional(struct({ key: fixed(32), signature: fixed(64) })) })],
  credit: [0x03, struct({ bytes: atLeast1(uint(WINDOW)) })],
  data: [0x04, struct({ id, bytes: bytes(MAX_DATA, 1) })],
  offer: [0x10, struct({ id, shards: list(struct({ root, size: shardSize }), MAX_LIST, 1) })],
  put: [0x11, struct({ id, root, size: shardSize })],
  commit: [0x12, struct({ id, roots: list(root, MAX_LIST, 1) })],
  get: [0x13, struct({ id, root, offset: uint(MAX_SHARD), length: uint(MAX_SHARD) })],
  has: [0x14, struct({ id, roots: list(root, MAX_LIST, 1) })],
  release: [0x15, struct({ id, lease: fixed(16), roots: list(root, MAX_LIST) })],
  renew: [0x16, struct({ id, lease: fixed(16) })],
  cancel: [0x17, struct({ id })],
  putObject: [0x18, struct({ id, name: root, record: bytes(MAX_RECORD), size: uint(MAX_OBJECT) })],
  getObject: [0x19, struct({ id, name: root })],
  verdicts: [0x20, struct({ id, verdicts: list(byte(3), MAX_LIST, 1) })],
  ack: [0x21, struct({ id })],
  receipt: [0x22, struct({ id, receipt: bytes(MAX_RECEIPT) })],
  found: [0x23, struct({ id, size: shardSize, first: uint(MAX_SHARD), leaves: uint(MAX_SHARD), proof: list(fixed(32), MAX_PROOF) })],
  object: [0x24, struct({ id, record: bytes(MAX_RECORD), size: uint(MAX_OBJECT) })],
  error: [0x2f, struct({ id: anyId, kind: byte(7), code: text(MAX_CODE), detail: text(MAX_DETAIL) })],
} as const

type Forms = typeof FORMS
export type MessageType = keyof Forms
/** One frame of the protocol, by the name of its type. */
export type MessageOf<K extends MessageType> = { [T in K]: { readonly type: T } & Readonly<Decoded<Forms[T][1]>> }[K]
export type Message = MessageOf<MessageType>

const types = Object.keys(FORMS) as MessageType[]
const byNumber: ReadonlyMap<number, MessageType> = new Map(types.map((type) => [FORMS[type][0], type]))

/** A frame's body: type byte and fields. Throws `bug` `format.unencodable` when a field is over its limit. */
export function encodeMessage(message: Message): Bytes {
  const writer = new Writer()
  writeMessage(writer, message)
  return writer.finish()
}

/** The same, into `to`. */
export function writeMessage(to: Writer, message: Message): void {
  const [number, codec] = FORMS[message.type]
  to.push(Uint8Array.of(number))
  // The type names the codec, which the compiler cannot follow through a union.
  const any = codec as unknown as Codec<Message>
  any.write(to, message)
}

/** The reverse. Throws `invalid` `frame.unknown` for a type that is not of this protocol, `format.*` or `text.malformed` for a malformed body. */
export function decodeMessage(body: Uint8Array): Message {
  const type = byNumber.get(body[0] ?? -1)
  if (type === undefined) throw malformed('frame.unknown', `no frame has type ${String(body[0])}`)
  const codec = FORMS[type][1] as unknown as Codec<object>
  return { type, ...decode(codec, body.subarray(1)) } as Message
}
