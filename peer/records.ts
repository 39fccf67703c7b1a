import { equal, own, type Bytes } from '../core/base/bytes.ts'
import { AppError, throwIfAborted } from '../core/base/errors.ts'
import { isNewer, ranked, type Ranked } from '../core/formats/record-order.ts'
import type { RecordView, Records } from '../core/ports/network.ts'
import type { PeerNode } from './assembly.ts'
import { eventsUntil, ownRecord, routingTable, tableReady } from './dht.ts'
import { parseRecord, routingKey, signRecord, validateRecord } from './record-format.ts'

/** How long a fresh peer waits for somebody to ask. */
const TABLE_WITHIN_MS = 15_000
const PUBLISH_WITHIN_MS = 30_000
/** A look-up meets dead servers, each of which costs a dial. */
const RESOLVE_WITHIN_MS = 20_000
/** Once a record is there, how long the others may take to answer with a newer one. */
const NEWER_WITHIN_MS = 2000

/** IPNS records in the DHT. See `Records`. */
export class DhtRecords implements Records {
  private readonly node: PeerNode

  constructor(node: PeerNode) {
    this.node = node
  }

  sign(seed: Uint8Array, view: RecordView): Promise<Bytes> {
    return signRecord(seed, view)
  }

  async open(name: Uint8Array, record: Uint8Array): Promise<RecordView> {
    await validateRecord(routingKey(name), record)
    return parseRecord(record)
  }

  async publish(name: Uint8Array, record: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<number> {
    throwIfAborted(options.signal)
    await this.open(name, record)
    const limit = within(PUBLISH_WITHIN_MS, options.signal)
    await this.somebodyToAsk(options.signal)
    const took = new Set<string>()
    // kad-dht stores every record locally first; where a newer one is held the store refuses, and nobody is asked.
    for await (const event of eventsUntil(this.node.services.dht.put(routingKey(name), record, { signal: limit }), limit)) {
      if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'PUT_VALUE') continue
      if (event.record !== undefined && equal(event.record.value, record)) took.add(event.from.toString())
    }
    throwIfAborted(options.signal)
    return took.size
  }

  async resolve(name: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<Bytes> {
    throwIfAborted(options.signal)
    const key = routingKey(name)
    await this.somebodyToAsk(options.signal)
    const settled = new AbortController()
    const limit = AbortSignal.any([within(RESOLVE_WITHIN_MS, options.signal), settled.signal])
    let newest: Ranked | undefined
    let answered = 0
    // A server that answers with what is forged or past its end has not said that there is nothing.
    let denied = 0
    // The answers are weighed here as they come: kad-dht itself yields a value only at the end, and throws it away when it cannot correct a stale holder.
    for await (const event of eventsUntil(this.node.services.dht.get(key, { signal: limit }), limit)) {
      if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'GET_VALUE') continue
      answered++
      if (event.record === undefined) denied++
      const rank = await valid(key, event.record?.value)
      if (rank === undefined || !isNewer(rank, newest)) continue
      if (newest === undefined) AbortSignal.timeout(NEWER_WITHIN_MS).addEventListener('abort', () => settled.abort(), { once: true })
      newest = rank
    }
    // What this peer keeps as a server of the DHT counts beside the answers of others, never alone: it may be old.
    const kept = answered === 0 ? undefined : await valid(key, await ownRecord(this.node.services.dht, key))
    if (kept !== undefined && isNewer(kept, newest)) newest = kept
    if (newest !== undefined) return own(new Uint8Array(newest.record))
    // A look-up that was cut short proves nothing.
    if (denied > 0 && !limit.aborted) throw new AppError('absent', 'record.absent', 'nobody who answered has this record', { data: { answered } })
    throw new AppError('transient', 'record.unreachable', 'nobody answered')
  }

  private async somebodyToAsk(signal: AbortSignal | undefined): Promise<void> {
    await tableReady(routingTable(this.node.services.dht), within(TABLE_WITHIN_MS, signal))
  }
}

/** How a valid record counts; `undefined` for none, and for a forged, expired or malformed one, which says nothing. */
async function valid(key: Uint8Array, record: Uint8Array | undefined): Promise<Ranked | undefined> {
  if (record === undefined) return undefined
  try {
    await validateRecord(key, record)
    return ranked(parseRecord(record), record)
  } catch {
    return undefined
  }
}

function within(ms: number, signal: AbortSignal | undefined): AbortSignal {
  return signal === undefined ? AbortSignal.timeout(ms) : AbortSignal.any([signal, AbortSignal.timeout(ms)])
}
