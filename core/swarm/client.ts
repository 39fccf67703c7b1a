import { AppError, asAppError, throwIfAborted } from '../base/errors.ts'
import { concat, equal, fromHex, type Bytes } from '../base/bytes.ts'
import { openAdvert, type HostAdvert } from '../formats/advert.ts'
import { acceptReceipt, type ReceiptShard } from '../formats/receipt.ts'
import type { Blake3 } from '../merkle/blake3.ts'
import type { Clock } from '../ports/clock.ts'
import type { ByteStream, PeerKey } from '../ports/network.ts'
import { answers, fetched, only, type Fetched } from './answers.ts'
import { Channel, type ChannelMessage } from './channel.ts'
import { HELLO_TIME, MAX_LIST, MAX_OBJECT } from './limits.ts'
import type { MessageOf } from './messages.ts'
import { rangeOf } from './range.ts'
import { Requests } from './requests.ts'
import type { Cancellable, Holding, ShardClient, Signatures, SignedReceipt, StoredObject, Tenant, Verdict } from './shard-client.ts'
import { tenantProof } from './tenant-proof.ts'

export interface ShardClientOptions {
  readonly hostKey: PeerKey
  readonly selfKey: PeerKey
  /** Without one only `get` and `getObject` are answered. */
  readonly tenant?: Tenant
  readonly clock: Clock
  readonly blake3: Blake3
  readonly signatures: Signatures
  /** Gives up opening, not what was opened. */
  readonly signal?: AbortSignal
}

const VERDICTS: readonly Verdict[] = ['send', 'staged', 'leased', 'full']

/**
 * Greets the host at the other end of `stream`. Throws `denied` (`advert.forged`, `advert.stale`, or the host's refusal); `transient` (`host.stalled`
 * after 20 s, `stream.lost`, `host.busy`); `invalid` when it does not speak the protocol; `aborted`. The stream is ended then.
 */
export async function openShardClient(stream: ByteStream, options: ShardClientOptions): Promise<ShardClient> {
  const channel = new Channel(stream, options.hostKey, options.clock)
  const requests = new Requests(channel, options.clock)
  let greet: ((hello: MessageOf<'hello'>) => void) | undefined
  const greeting = new Promise<MessageOf<'hello'>>((resolve) => (greet = resolve))
  const receive = (message: ChannelMessage) => {
    if (greet === undefined) requests.receive(message)
    else if (message.type !== 'hello') throw new AppError('invalid', 'frame.unexpected', `${message.type} before HELLO`)
    else {
      greet(message)
      greet = undefined
    }
  }
  const closed = follow(channel, requests)
  const running = channel.run(receive).catch(() => undefined)
  try {
    const hello = await patiently(greeting, closed, options)
    const advert = openAdvert(hello.advert, Math.floor(options.clock.now() / 1000), options.signatures.verify)
    if (!equal(advert.host, fromHex(options.hostKey))) throw new AppError('denied', 'advert.forged', 'the advert of another host')
    await channel.send({ type: 'hi', proof: await prove(hello.nonce, options) })
    throwIfAborted(options.signal)
    return new StreamClient(channel, requests, { closed, running }, advert, options)
  } catch (error) {
    channel.stop(asAppError(error))
    throw error
  }
}

/** Ends the requests with their stream. Resolves to the reason, `undefined` when one of both sides closed it. */
async function follow(channel: Channel, requests: Requests): Promise<AppError | undefined> {
  const error = await channel.ended
  requests.stop(error ?? new AppError('transient', 'stream.ended', 'the stream was closed'))
  return error
}

/** The host's greeting, unless the stream ends, `signal` fires or 20 s pass first. */
async function patiently<T>(greeting: Promise<T>, closed: Promise<AppError | undefined>, options: ShardClientOptions): Promise<T> {
  const enough = new AbortController()
  const signal = options.signal === undefined ? enough.signal : AbortSignal.any([options.signal, enough.signal])
  const late = async (): Promise<never> => {
    await options.clock.sleep(HELLO_TIME, signal)
    throw new AppError('transient', 'host.stalled', 'the host does not greet')
  }
  const ended = async (): Promise<never> => {
    throw (await closed) ?? new AppError('transient', 'stream.ended', 'the host closed the stream')
  }
  try {
    return await Promise.race([greeting, late(), ended()])
  } finally {
    enough.abort()
  }
}

async function prove(nonce: Bytes, options: ShardClientOptions): Promise<{ key: Bytes; signature: Bytes } | undefined> {
  if (options.tenant === undefined) return undefined
  const { key, seed } = options.tenant
  const signature = await options.signatures.sign(seed, tenantProof(options.hostKey, options.selfKey, nonce))
  return { key, signature }
}

interface Life {
  /** Resolves as soon as the stream is known to end, and why. */
  readonly closed: Promise<AppError | undefined>
  /** Resolves once it has ended. */
  readonly running: Promise<void>
}

class StreamClient implements ShardClient {
  readonly host: PeerKey
  readonly advert: HostAdvert
  readonly closed: Promise<AppError | undefined>
  private readonly channel: Channel
  private readonly requests: Requests
  private readonly running: Promise<void>
  private readonly options: ShardClientOptions

  constructor(channel: Channel, requests: Requests, life: Life, advert: HostAdvert, options: ShardClientOptions) {
    this.host = options.hostKey
    this.channel = channel
    this.requests = requests
    this.closed = life.closed
    this.running = life.running
    this.advert = advert
    this.options = options
  }

  get open(): number {
    return this.requests.open
  }

  async offer(entries: readonly ReceiptShard[], options: Cancellable = {}): Promise<Verdict[]> {
    const some = (part: readonly ReceiptShard[]) => {
      return this.requests.ask((id) => ({ type: 'offer', id, shards: part.map(({ root, size }) => ({ root, size })) }), answers(part.length), options)
    }
    const numbers = await inParts(entries, some)
    return numbers.map((number) => VERDICTS[number] ?? 'full')
  }

  async has(roots: readonly Bytes[], options: Cancellable = {}): Promise<Holding[]> {
    const some = (part: readonly Bytes[]) => this.requests.ask((id) => ({ type: 'has', id, roots: [...part] }), answers(part.length), options)
    const numbers = await inParts(roots, some)
    return numbers.map((number) => (number === 1 ? 'staged' : number === 2 ? 'leased' : 'none'))
  }

  async put(root: Bytes, bytes: Bytes, options: Cancellable = {}): Promise<void> {
    const ask = { ...options, body: bytes }
    await this.requests.ask((id) => ({ type: 'put', id, root, size: bytes.length }), only('ack'), ask)
  }

  async commit(entries: readonly ReceiptShard[], options: Cancellable = {}): Promise<SignedReceipt> {
    const roots = entries.map((entry) => entry.root)
    const { receipt } = await this.requests.ask((id) => ({ type: 'commit', id, roots }), only('receipt'), options)
    return this.accept(receipt, entries)
  }

  async renew(lease: Bytes, entries: readonly ReceiptShard[], options: Cancellable = {}): Promise<SignedReceipt> {
    const answer = await this.requests.ask((id) => ({ type: 'renew', id, lease }), only('receipt'), options)
    const signed = this.accept(answer.receipt, entries)
    if (equal(signed.receipt.lease, lease)) return signed
    throw new AppError('denied', 'receipt.forged', 'the receipt of another lease')
  }

  async release(lease: Bytes, roots: readonly Bytes[] = [], options: Cancellable = {}): Promise<void> {
    await this.requests.ask((id) => ({ type: 'release', id, lease, roots: [...roots] }), only('ack'), options)
  }

  async get(root: Bytes, range?: { readonly offset: number; readonly length: number }, options: Cancellable = {}): Promise<Bytes> {
    const { offset, length } = range ?? { offset: 0, length: 0 }
    if (range !== undefined && length === 0) return new Uint8Array()
    const found = await this.requests.ask((id) => ({ type: 'get', id, root, offset, length }), fetched(range), options)
    return range === undefined ? this.whole(root, found) : this.part(root, range, found)
  }

  async putObject(name: Bytes, record: Bytes, bytes: Bytes, options: Cancellable = {}): Promise<void> {
    const ask = { ...options, body: bytes }
    await this.requests.ask((id) => ({ type: 'putObject', id, name, record, size: bytes.length }), only('ack'), ask)
  }

  async getObject(name: Bytes, options: Cancellable = {}): Promise<StoredObject> {
    let head: MessageOf<'object'> | undefined
    const parts: Bytes[] = []
    let held = 0
    return this.requests.ask((id) => ({ type: 'getObject', id, name }), (reply) => {
      if (reply.type === 'object' && head === undefined) head = reply
      else if (reply.type === 'data' && head !== undefined && held + reply.bytes.length <= MAX_OBJECT) {
        parts.push(reply.bytes)
        held += reply.bytes.length
      } else throw new AppError('invalid', 'frame.unexpected', `${reply.type} is no answer to this`)
      if (held > head.size) throw new AppError('invalid', 'data.unasked', 'more data than the object has')
      return held === head.size ? { record: head.record, bytes: concat(parts) } : undefined
    }, options)
  }

  async close(): Promise<void> {
    this.channel.close()
    await this.running
  }

  private accept(bytes: Bytes, shards: readonly ReceiptShard[]): SignedReceipt {
    const { tenant, hostKey, clock, signatures } = this.options
    if (tenant === undefined) throw new AppError('denied', 'tenant.required', 'a reader has no receipts')
    const terms = { host: fromHex(hostKey), tenant: tenant.key, shards, now: Math.floor(clock.now() / 1000) }
    return { receipt: acceptReceipt(bytes, terms, signatures.verify), bytes }
  }

  private whole(root: Bytes, { bytes }: Fetched): Bytes {
    if (equal(this.options.blake3.hash(bytes), root)) return bytes
    throw this.wrongRoot()
  }

  private part(root: Bytes, range: { readonly offset: number; readonly length: number }, found: Fetched): Bytes {
    const { blake3 } = this.options
    const from = rangeOf(range, found.size).first
    if (found.first !== from || !blake3.verify(root, found.size, found.first, found.bytes, found.proof)) throw this.wrongRoot()
    const start = range.offset - rangeOf(range, found.size).offset
    return found.bytes.slice(start, start + range.length)
  }

  private wrongRoot(): AppError {
    return new AppError('corrupt', 'shard.wrong-root', 'the bytes do not hash to their root', { data: { peer: this.host } })
  }
}

/** `ask` over parts of `MAX_LIST` items, answers in order. */
async function inParts<T>(items: readonly T[], ask: (part: readonly T[]) => Promise<number[]>): Promise<number[]> {
  const parts: Promise<number[]>[] = []
  for (let at = 0; at < items.length; at += MAX_LIST) parts.push(ask(items.slice(at, at + MAX_LIST)))
  return (await Promise.all(parts)).flat()
}
