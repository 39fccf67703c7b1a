import { AppError } from '../base/errors.ts'
import type { MetaStore } from '../ports/meta-store.ts'
import type { ShardStore } from '../ports/shard-store.ts'

/**
 * Counts the operations of every store wrapped with it, and makes some of them fail. One `Faults` may be shared by several stores, so
 * that "the n-th thing done to any disk" can be the one that goes wrong.
 */
export class Faults {
  /** Operations begun so far, over all stores. */
  count = 0
  /** Whether the process "died": all further operations reject, with no effect. */
  crashed = false
  private readonly plans: { readonly at: number; readonly error: AppError }[] = []
  private crashAt = Number.POSITIVE_INFINITY

  /** The `at`-th operation from now (1 is the next) rejects with `error`, and has no effect. */
  fail(at: number, error: AppError = new AppError('transient', 'test.fault', 'injected fault')): void {
    this.plans.push({ at: this.count + at, error })
  }

  /** The `at`-th operation from now still takes effect, but its caller never learns; nothing works afterwards. */
  crashAfter(at: number): void {
    this.crashAt = this.count + at
  }

  /** Runs one operation under the plan. */
  async run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.crashed) throw crash()
    const mine = ++this.count
    const plan = this.plans.find((one) => one.at === mine)
    if (plan !== undefined) throw plan.error
    if (mine < this.crashAt) return await operation()
    this.crashed = true
    await operation()
    throw crash()
  }
}

function crash(): AppError {
  return new AppError('transient', 'test.crashed', 'the process died')
}

/** `store` with the faults of `faults`. Closing is not counted and always works. */
export function faultyShardStore(store: ShardStore, faults: Faults): ShardStore {
  return {
    put: (root, bytes) => faults.run(() => store.put(root, bytes)),
    get: (root, range) => faults.run(() => store.get(root, range)),
    size: (root) => faults.run(() => store.size(root)),
    delete: (root) => faults.run(() => store.delete(root)),
    list: () => faultyIterable(() => store.list(), faults),
    room: () => faults.run(() => store.room()),
    close: () => store.close(),
  }
}

/** `store` with the faults of `faults`. Closing is not counted and always works. */
export function faultyMetaStore(store: MetaStore, faults: Faults): MetaStore {
  return {
    get: (key) => faults.run(() => store.get(key)),
    batch: (changes, options) => faults.run(() => store.batch(changes, options)),
    range: (prefix) => faultyIterable(() => store.range(prefix), faults),
    close: () => store.close(),
  }
}

/** A whole walk counts as one operation: where in it a disk fails makes no difference to its caller. */
async function* faultyIterable<T>(open: () => AsyncIterable<T>, faults: Faults): AsyncIterable<T> {
  await faults.run(() => Promise.resolve())
  yield* open()
}
