import { AppError } from '../../core/base/errors.ts'
import type { ShardFiles } from '../../core/vault/shard-files.ts'
import { beginWrite, storageError, type BytesStore, type ShoalDatabase } from './database.ts'

// docs/protocols/leader.md, "Who writes".

const STORES: readonly BytesStore[] = ['list', 'shards', 'device', 'vault', 'copies']
const PREFIX = '!epoch/'
/** Sorts after every digit. */
const END = `${PREFIX}~`

/** Between these stand the rows of the fence. */
export const EPOCHS = { from: PREFIX, to: END }
/** Rows that stay: a tab that slept through more leaders than this was ended long ago. */
const MAX_EPOCHS = 1000

/** One leader's right to write. */
export interface Fence {
  readonly epoch: number
  /** Throws `transient` `leader.deposed` when a later leader has begun; else as `MetaStore.get`. */
  check(): Promise<void>
}

/** Begins a new epoch [F1]: from now on no earlier leader writes. Throws `quota`, `transient` (`meta.failed`). */
export async function raiseFence(database: ShoalDatabase): Promise<Fence> {
  try {
    const transaction = beginWrite(database, 'strict')
    const known = await transaction.objectStore('device').getAllKeys(IDBKeyRange.bound(PREFIX, END))
    const epoch = Number(known.at(-1)?.slice(PREFIX.length) ?? 0) + 1
    for (const name of STORES) {
      const store = transaction.objectStore(name)
      void store.put(new Uint8Array(), epochKey(epoch))
      if (epoch > MAX_EPOCHS) void store.delete(IDBKeyRange.bound(PREFIX, epochKey(epoch - MAX_EPOCHS)))
    }
    await transaction.done
    return { epoch, check: () => check(database, epoch) }
  } catch (error) {
    throw storageError(error)
  }
}

async function check(database: ShoalDatabase, epoch: number): Promise<void> {
  const later = await database.getKey('shards', epochKey(epoch + 1)).catch((error: unknown) => {
    throw storageError(error)
  })
  if (later !== undefined) throw deposed()
}

/** `files`, but nothing is written or removed once a later leader has begun: `transient` `leader.deposed` [F4]. */
export function fencedFiles(files: ShardFiles, fence: Fence): ShardFiles {
  return {
    ...files,
    async write(...given) {
      await fence.check()
      await files.write(...given)
    },
    async remove(...given) {
      await fence.check()
      await files.remove(...given)
    },
  }
}

/** The row whose presence says that there is a later leader. */
export function epochKey(epoch: number): string {
  return PREFIX + String(epoch).padStart(12, '0')
}

/** Whether a row belongs to the fence, and to nobody else. */
export function isEpochKey(key: string): boolean {
  return key.startsWith(PREFIX)
}

export function deposed(): AppError {
  return new AppError('transient', 'leader.deposed', 'another tab leads')
}
