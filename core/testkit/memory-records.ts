import { concat, equal, fromHex, toHex, utf8, type Bytes } from '../base/bytes.ts'
import { AppError, throwIfAborted } from '../base/errors.ts'
import { bytes, decode, encode, fixed, struct, text, uint } from '../formats/codec.ts'
import { isNewer, ranked } from '../formats/record-order.ts'
import type { Clock } from '../ports/clock.ts'
import type { RecordView, Records } from '../ports/network.ts'

/** How the fake signs. Pass the project's Ed25519 where names must be real public keys; `toySignatures` elsewhere. */
export interface RecordSignatures {
  publicKey(seed: Uint8Array): Promise<Uint8Array> | Uint8Array
  sign(seed: Uint8Array, message: Uint8Array): Promise<Uint8Array> | Uint8Array
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> | boolean
}

/** No security whatever: the public key is the seed with its bits turned, a "signature" is a checksum under it. */
export const toySignatures: RecordSignatures = {
  publicKey: turned,
  sign: (seed, message) => checksum(concat([turned(seed), message])),
  verify: (publicKey, message, signature) => equal(checksum(concat([publicKey, message])), signature),
}

/** What the DHT servers of a small world hold: per name the record that counts. */
export class MemoryDht {
  readonly held = new Map<string, Bytes>()
  /** Servers that answer; 0 means that nobody can be asked. */
  servers = 1
  /** How often each name was published. */
  readonly published = new Map<string, number>()
}

const fields = struct({ value: text(4096), sequence: text(20), expires: uint(), signature: bytes(64) })
const name32 = fixed(32)

/** A `Records` whose record is codec-encoded and not IPNS: same promises, smaller machinery. */
export class MemoryRecords implements Records {
  private readonly dht: MemoryDht
  private readonly clock: Clock
  private readonly signatures: RecordSignatures

  constructor(dht: MemoryDht, clock: Clock, signatures: RecordSignatures = toySignatures) {
    this.dht = dht
    this.clock = clock
    this.signatures = signatures
  }

  async sign(seed: Uint8Array, view: RecordView): Promise<Bytes> {
    const signature = await this.signatures.sign(seed, signedText(view))
    return encode(fields, { value: view.value, sequence: String(view.sequence), expires: view.expires, signature: new Uint8Array(signature) })
  }

  async open(name: Uint8Array, record: Uint8Array): Promise<RecordView> {
    const view = parse(record)
    if (!view.value.startsWith('/')) throw new AppError('invalid', 'record.malformed', 'a value that is not a path')
    if (!(await this.signatures.verify(name, signedText(view), view.signature))) {
      throw new AppError('corrupt', 'record.forged', 'the signature does not fit')
    }
    if (view.expires <= this.clock.now()) throw new AppError('absent', 'record.expired', 'past its end of life')
    return { value: view.value, sequence: view.sequence, expires: view.expires }
  }

  async publish(name: Uint8Array, record: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<number> {
    throwIfAborted(options.signal)
    const view = await this.open(name, record)
    const key = toHex(encode(name32, new Uint8Array(name)))
    this.dht.published.set(key, (this.dht.published.get(key) ?? 0) + 1)
    if (this.dht.servers === 0) return 0
    const held = this.dht.held.get(key)
    if (held === undefined || isNewer(ranked(view, record), ranked(parse(held), held))) this.dht.held.set(key, new Uint8Array(record))
    return this.dht.servers
  }

  async resolve(name: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<Bytes> {
    throwIfAborted(options.signal)
    if (this.dht.servers === 0) throw new AppError('transient', 'record.unreachable', 'no server answered')
    const held = this.dht.held.get(toHex(name))
    if (held === undefined) throw new AppError('absent', 'record.absent', 'no such record')
    await this.open(name, held)
    return new Uint8Array(held)
  }
}

function parse(record: Uint8Array): RecordView & { signature: Bytes } {
  try {
    const { value, sequence, expires, signature } = decode(fields, record)
    return { value, sequence: BigInt(sequence), expires, signature }
  } catch (cause) {
    throw new AppError('invalid', 'record.malformed', 'not a record', { cause })
  }
}

function signedText(view: RecordView): Bytes {
  return utf8(`${view.value}\n${String(view.sequence)}\n${String(view.expires)}`)
}

function turned(seed: Uint8Array): Bytes {
  return new Uint8Array(seed).map((byte) => 255 - byte)
}

/** FNV-1a over eight salted passes: spreads every bit, resists nobody. */
function checksum(message: Uint8Array): Bytes {
  let text = ''
  for (let salt = 0; salt < 8; salt++) {
    let hash = 0x811c9dc5 ^ salt
    for (const byte of message) hash = Math.imul(hash ^ byte, 0x01000193)
    text += (hash >>> 0).toString(16).padStart(8, '0')
  }
  return fromHex(text)
}
