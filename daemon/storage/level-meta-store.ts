import { ClassicLevel } from 'classic-level'
import { AppError, asAppError } from '../../core/base/errors.ts'
import type { MetaChange, MetaStore } from '../../core/ports/meta-store.ts'

/** Sorts after every printable ASCII character, of which keys are made. */
const AFTER_ASCII = '\x7f'

type Level = ClassicLevel<string, Uint8Array>

/**
 * A `MetaStore` in the LevelDB at `path` (made when missing). One process at a time: `transient` (`meta.locked`) while another has it open,
 * `transient` (`meta.failed`) when it cannot be read.
 */
export async function openLevelMetaStore(path: string): Promise<MetaStore> {
  const level: Level = new ClassicLevel(path, { keyEncoding: 'utf8', valueEncoding: 'view' })
  try {
    await level.open()
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    const locked = typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'LEVEL_LOCKED'
    throw new AppError('transient', locked ? 'meta.locked' : 'meta.failed', 'the index cannot be opened', { cause: error })
  }
  return {
    get: (key) =>
      guarded(async () => {
        const value = await level.get(key)
        return value === undefined ? undefined : plain(value)
      }),
    batch: (changes, options = {}) => guarded(() => write(level, changes, options.strict === true)),
    range: (prefix) => walk(level, prefix),
    close: () => guarded(() => level.close()),
  }
}

/** LevelDB hands out Buffers, whose `slice` does not copy as that of the type they claim to be. */
function plain(value: Uint8Array): Uint8Array {
  return new Uint8Array(value)
}

function write(level: Level, changes: readonly MetaChange[], strict: boolean): Promise<void> {
  const operations = changes.map((change) =>
    'put' in change
      ? // Copied: the caller may change its buffer, and the write happens on another thread.
        { type: 'put' as const, key: change.put, value: new Uint8Array(change.value) }
      : { type: 'del' as const, key: change.del },
  )
  return level.batch(operations, { sync: strict })
}

async function* walk(level: Level, prefix: string): AsyncIterable<readonly [string, Uint8Array]> {
  try {
    for await (const [key, value] of level.iterator({ gte: prefix, lt: prefix + AFTER_ASCII })) yield [key, plain(value)]
  } catch (error) {
    throw failed(error)
  }
}

async function guarded<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    throw failed(error)
  }
}

/** LevelDB reports a full disk only in the text of an IO error. */
function failed(error: unknown): AppError {
  const full = error instanceof Error && /No space left on device|Disk quota exceeded/.test(error.message)
  if (full) return new AppError('quota', 'storage.full', 'the disk is full', { cause: error })
  return asAppError(error, 'transient', 'meta.failed')
}
