import { Record as DhtRecord } from '@libp2p/kad-dht'
import { BaseDatastore } from 'datastore-core'
import { Key, type Batch, type Datastore, type KeyQuery, type Pair, type Query } from 'interface-datastore'
import { AppError, asAppError } from '../core/base/errors.ts'
import { compareRecords, ranked, type Ranked } from '../core/formats/record-order.ts'
import type { Clock } from '../core/ports/clock.ts'
import { PROVIDER_VALIDITY_MS } from './dht.ts'
import { parsePeerId } from './identity.ts'
import { KnownPeers, PEERS } from './known-peers.ts'
import type { Log } from './log.ts'
import { parseRecord } from './record-format.ts'

const RECORDS = '/dht/record'
const PROVIDERS = '/dht/provider'

/** Records kept at most, of 10 KB each at most (discovery.md). */
export const MAX_RECORDS = 100_000
/** Records received longer ago count as forgotten everywhere (kad-dht's own rule, applied only when it reads). */
const RECORD_AGE_MS = 48 * 3_600_000
/** Keys that one peer may be provider of: 13 bucket levels, and room for what later protocols provide. */
export const MAX_KEYS_PER_PROVIDER = 64
/**
 * Providers of one key: twice as many as make a bucket full. An answer names them all with their addresses, and kad-dht sends none of more than 4 MiB.
 */
export const MAX_PER_KEY = 128
/** Bytes of what is kept about one peer, its addresses above all: strangers write them, and 128 of these fit into one answer. */
const MAX_PEER_BYTES = 16 * 1024
/** Provider entries kept at most: about 100 bytes each. */
export const MAX_PROVIDERS = 100_000
/** Peers kept at most that provide nothing, of a few hundred bytes in most cases: the library keeps whoever ever came by, for days. */
const MAX_PEERS = 100_000
/** How often expired records are looked for. */
const SWEEP_MS = 3_600_000

export interface RecordStoreInit {
  readonly inner: Datastore
  readonly clock: Clock
  /** libp2p name of this peer, whose own provider entries do not expire here: the reprovider renews them. */
  readonly self: string
  readonly maxRecords?: number
  readonly maxProviders?: number
  readonly maxPeers?: number
}

/**
 * What kad-dht keeps, kept to the rules of discovery.md, since kad-dht itself stores any valid record over any other, never sweeps, and takes
 * any number of provider entries; and the peers that libp2p's peer store keeps, no more than `maxPeers` beside the providers: whoever was written longest
 * ago is forgotten first. All else passes through to `inner`.
 * A `put` that breaks a rule rejects, and kad-dht answers the sender with a reset stream: `denied` `record.older`, `quota` `records.full`,
 * `quota` `providers.full`, `quota` `peer.large`, `invalid` `record.malformed`.
 */
export class RecordStore extends BaseDatastore {
  private readonly inner: Datastore
  private readonly clock: Clock
  private readonly self: string
  private readonly maxRecords: number
  private readonly maxProviders: number
  private readonly maxPeers: number
  private readonly peers: KnownPeers
  private records = 0
  private providers = 0
  private readonly perProvider = new Map<string, number>()
  private readonly perKey = new Map<string, number>()
  /** Checks and writes follow each other, or two puts could both see the same older record. */
  private tail: Promise<unknown> = Promise.resolve()

  private constructor(init: RecordStoreInit) {
    super()
    this.inner = init.inner
    this.clock = init.clock
    this.self = init.self
    this.maxRecords = init.maxRecords ?? MAX_RECORDS
    this.maxProviders = init.maxProviders ?? MAX_PROVIDERS
    this.maxPeers = init.maxPeers ?? MAX_PEERS
    this.peers = new KnownPeers(init.self)
  }

  /** Counts what is there already. */
  static async open(init: RecordStoreInit): Promise<RecordStore> {
    const store = new RecordStore(init)
    for await (const key of init.inner.queryKeys({ prefix: '/dht/' })) store.count(key, 1)
    for await (const key of init.inner.queryKeys({ prefix: `${PEERS}/` })) store.peers.note(key)
    return store
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    if (within(key, RECORDS)) return this.exclusive(() => this.putRecord(key, value))
    if (within(key, PROVIDERS)) return this.exclusive(() => this.putProvider(key, value))
    if (within(key, PEERS)) return this.putPeer(key, value)
    return this.inner.put(key, value)
  }

  override get(key: Key): Uint8Array | Promise<Uint8Array> {
    return this.inner.get(key)
  }

  override has(key: Key): boolean | Promise<boolean> {
    return this.inner.has(key)
  }

  override async delete(key: Key): Promise<void> {
    if (within(key, PEERS)) this.peers.forget(key)
    if (!within(key, RECORDS) && !within(key, PROVIDERS)) return this.inner.delete(key)
    await this.exclusive(() => this.remove(key))
  }

  override batch(): Batch {
    // Only the library's keychain batches; the peer store and kad-dht use `put` and `delete` above.
    return this.inner.batch()
  }

  override async *query(query: Query): AsyncGenerator<Pair> {
    const ofOneKey = query.prefix?.startsWith(`${PROVIDERS}/`) === true
    for await (const pair of this.inner.query(query)) {
      if (!ofOneKey || (await this.servable(pair))) yield pair
    }
  }

  override queryKeys(query: KeyQuery): Generator<Key> | AsyncGenerator<Key> {
    return this.inner.queryKeys(query)
  }

  /** Removes records past their end of life or too old, and what cannot be read. Resolves to how many. */
  async sweep(): Promise<number> {
    const dead: Key[] = []
    for await (const { key, value } of this.inner.query({ prefix: RECORDS })) {
      if (!this.alive(value)) dead.push(key)
    }
    for (const key of dead) await this.delete(key)
    return dead.length
  }

  private async putRecord(key: Key, value: Uint8Array): Promise<Key> {
    const next = payload(value)
    const rank = ranked(parseRecord(next), next)
    const known = await this.inner.has(key)
    const held = known ? this.livingRank(await this.inner.get(key)) : undefined
    // The very same is taken again: that is how a record stays.
    if (held !== undefined && compareRecords(held, rank) > 0) throw new AppError('denied', 'record.older', 'a newer record is held')
    if (!known && this.records >= this.maxRecords) throw new AppError('quota', 'records.full', 'no room for another record')
    await this.inner.put(key, alone(value))
    if (!known) this.records++
    return key
  }

  /** The rank of what is held; none when it has ended or cannot be read, so that nothing dead keeps anything out. */
  private livingRank(stored: Uint8Array): Ranked | undefined {
    try {
      const record = payload(stored)
      const view = parseRecord(record)
      return view.expires > this.clock.now() ? ranked(view, record) : undefined
    } catch {
      return undefined
    }
  }

  private async putProvider(key: Key, value: Uint8Array): Promise<Key> {
    const known = await this.inner.has(key)
    if (!known) {
      const mine = (this.perProvider.get(providerOf(key)) ?? 0) >= MAX_KEYS_PER_PROVIDER
      const others = (this.perKey.get(providedKey(key)) ?? 0) >= MAX_PER_KEY
      if (mine || others || this.providers >= this.maxProviders) throw new AppError('quota', 'providers.full', 'no room for another provider entry')
    }
    await this.inner.put(key, alone(value))
    if (!known) this.count(key, 1)
    return key
  }

  private async putPeer(key: Key, value: Uint8Array): Promise<Key> {
    if (value.length > MAX_PEER_BYTES) throw new AppError('quota', 'peer.large', 'more than is kept about one peer')
    this.peers.note(key)
    await this.inner.put(key, alone(value))
    const surplus = this.peers.surplus(this.maxPeers + this.perProvider.size, (peer) => this.perProvider.has(peer))
    for (const forgotten of surplus) await this.inner.delete(forgotten)
    return key
  }

  private async remove(key: Key): Promise<void> {
    if (!(await this.inner.has(key))) return
    await this.inner.delete(key)
    this.count(key, -1)
  }

  private count(key: Key, change: number): void {
    if (within(key, RECORDS)) {
      this.records += change
    } else if (within(key, PROVIDERS)) {
      this.providers += change
      add(this.perProvider, providerOf(key), change)
      add(this.perKey, providedKey(key), change)
    }
  }

  private alive(value: Uint8Array): boolean {
    try {
      const { timeReceived } = DhtRecord.deserialize(value)
      return this.clock.now() - timeReceived.getTime() <= RECORD_AGE_MS && parseRecord(payload(value)).expires > this.clock.now()
    } catch {
      return false
    }
  }

  /** One entry that has expired, or whose peer is not in the peer store, would fail the look-up for all providers of its key. */
  private async servable({ key, value }: Pair): Promise<boolean> {
    const name = providerOf(key)
    if (name === this.self) return true
    if (this.clock.now() - varint(value) > PROVIDER_VALIDITY_MS) return false
    try {
      return await this.inner.has(new Key(`${PEERS}/${parsePeerId(name).toCID().toString()}`))
    } catch {
      return false
    }
  }

  private exclusive<T>(task: () => Promise<T>): Promise<T> {
    const run = this.tail.then(task)
    this.tail = run.catch(() => undefined)
    return run
  }
}

/** Sweeps `store` every hour until `signal` fires. */
export async function sweepNowAndThen(store: RecordStore, { clock, log }: { clock: Clock; log: Log }, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(SWEEP_MS, signal)
      await store.sweep()
    } catch (error) {
      if (signal.aborted) return
      log('warn', 'expired records could not be swept', {}, error)
    }
  }
}

/** The library encodes into buffers of 8 KiB that it shares out: one kept entry of 100 bytes would keep all of it. */
function alone(value: Uint8Array): Uint8Array {
  return new Uint8Array(value)
}

function within(key: Key, folder: string): boolean {
  return key.toString().startsWith(`${folder}/`)
}

function add(counts: Map<string, number>, name: string, change: number): void {
  const left = (counts.get(name) ?? 0) + change
  if (left > 0) counts.set(name, left)
  else counts.delete(name)
}

/** The last part but one of `/dht/provider/key/peer`. */
function providedKey(key: Key): string {
  return key.toString().split('/').at(-2) ?? ''
}

/** The last part of `/dht/provider/key/peer`. */
function providerOf(key: Key): string {
  return key.toString().split('/').at(-1) ?? ''
}

/** The IPNS record in what kad-dht stores. Throws `invalid` `record.malformed`. */
function payload(stored: Uint8Array): Uint8Array {
  try {
    return DhtRecord.deserialize(stored).value
  } catch (error) {
    throw asAppError(error, 'invalid', 'record.malformed')
  }
}

/** An unsigned varint (LEB128) up to 2^53, which is how kad-dht stores the time of a provider entry. */
function varint(bytes: Uint8Array): number {
  let value = 0
  let scale = 1
  for (const byte of bytes.subarray(0, 8)) {
    value += (byte & 127) * scale
    scale *= 128
  }
  return value
}
