import type { IDBPObjectStore, StoreNames } from 'idb'
import type { MetaChange } from '../../core/ports/meta-store.ts'
import { beginWrite, type BytesStore, type ShoalDatabase, type ShoalSchema } from './database.ts'
import { deposed, epochKey, type Fence } from './fence.ts'

/** Changes in one transaction of several batches, at most: all are in memory. */
const MERGED = 512

const NOTHING = new Uint8Array()

export interface Batch {
  readonly store: BytesStore
  readonly changes: readonly MetaChange[]
  readonly strict: boolean
  readonly fence: Fence | undefined
}

interface Waiting extends Batch {
  readonly written: PromiseWithResolvers<undefined>
}

/**
 * Writes batches in order. Those that come while others are being written go into the next transaction together, whichever object stores they are
 * for: a flush takes long, however little it flushes, and there is one at a time.
 */
class WriteQueue {
  private waiting: Waiting[] = []
  private busy = false
  private readonly database: ShoalDatabase

  constructor(database: ShoalDatabase) {
    this.database = database
  }

  add(batch: Batch): Promise<void> {
    const written = Promise.withResolvers<undefined>()
    this.waiting.push({ ...batch, written })
    if (!this.busy) void this.drain()
    return written.promise
  }

  private async drain(): Promise<void> {
    this.busy = true
    for (let next = this.next(); next.length > 0; next = this.next()) {
      const failed = await this.attempt(next)
      // What fails together may pass alone: one batch that the browser refuses costs no other.
      if (failed && next.length > 1) for (const batch of next) await this.attempt([batch])
    }
    this.busy = false
  }

  /** Whether `batches` failed. Only a batch that is alone hears of that. */
  private async attempt(batches: readonly Waiting[]): Promise<boolean> {
    try {
      await write(this.database, batches)
      for (const { written } of batches) written.resolve(undefined)
      return false
    } catch (error) {
      if (batches.length === 1) batches[0]!.written.reject(error)
      return true
    }
  }

  /** The batches of the next transaction: all of one leader. */
  private next(): Waiting[] {
    let changes = 0
    const fits = ({ changes: more, fence }: Waiting): boolean => (changes += more.length) <= MERGED && fence === this.waiting[0]!.fence
    const end = this.waiting.findIndex((batch, i) => !fits(batch) && i > 0)
    return this.waiting.splice(0, end < 0 ? this.waiting.length : end)
  }
}

const queues = new WeakMap<ShoalDatabase, WriteQueue>()

/** Writes `batch` to `database` as a whole or not at all. Rejects with the error of its transaction, or `transient` `leader.deposed`. */
export function queueWrite(database: ShoalDatabase, batch: Batch): Promise<void> {
  let queue = queues.get(database)
  if (queue === undefined) queues.set(database, (queue = new WriteQueue(database)))
  return queue.add(batch)
}

/** Writes `batches`, of one leader, in one transaction. It is never committed explicitly [F3]. */
async function write(database: ShoalDatabase, batches: readonly Batch[]): Promise<void> {
  const [{ store, fence }] = batches as [Batch]
  const transaction = beginWrite(database, batches.some(({ strict }) => strict) ? 'strict' : 'relaxed')
  // A later leader has put this row into all stores at once: then adding it to one fails, and the whole transaction with it [F2].
  const next = fence === undefined ? undefined : epochKey(fence.epoch + 1)
  const first = next === undefined ? undefined : transaction.objectStore(store).add(NOTHING, next)
  const requests: Promise<unknown>[] = []
  try {
    for (const batch of batches) for (const change of batch.changes) requests.push(apply(transaction.objectStore(batch.store), change))
    if (next !== undefined) requests.push(transaction.objectStore(store).delete(next))
  } catch (error) {
    // Refused before it was asked for: without this, all that was asked for before would be written, half a batch and the row of the fence.
    transaction.abort()
    await Promise.allSettled([first, ...requests, transaction.done])
    throw error
  }
  // A failed request aborts the transaction, whose error names the cause; the requests only repeat it.
  await Promise.allSettled(requests)
  const fenced = await first?.then(() => false, isTaken)
  if (fenced === true) {
    await transaction.done.catch(() => undefined)
    throw deposed()
  }
  await transaction.done
}

type Store = IDBPObjectStore<ShoalSchema, StoreNames<ShoalSchema>[], BytesStore, 'readwrite'>

function apply(store: Store, change: MetaChange): Promise<unknown> {
  // Copied: a view would be stored with the whole buffer under it.
  return 'put' in change ? store.put(new Uint8Array(change.value), change.put) : store.delete(change.del)
}

function isTaken(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'ConstraintError'
}
