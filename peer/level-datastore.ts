import { NotFoundError } from '@libp2p/interface'
import { ClassicLevel } from 'classic-level'
import { BaseDatastore } from 'datastore-core'
import { Key, type Batch, type KeyQuery, type Pair, type Query } from 'interface-datastore'
import { AppError } from '../core/base/errors.ts'

/** Sorts after every character of a key. */
const AFTER_ALL = '\uffff'

type Level = ClassicLevel<string, Uint8Array>
type Change = { type: 'put'; key: string; value: Uint8Array } | { type: 'del'; key: string }

/**
 * What libp2p remembers, in a LevelDB folder of this process alone. Throws `transient` `data.locked` while another process has it open,
 * `transient` `data.unusable` when it cannot be opened at all.
 */
export async function openLevelDatastore(path: string): Promise<LevelDatastore> {
  const level: Level = new ClassicLevel(path, { keyEncoding: 'utf8', valueEncoding: 'view' })
  try {
    await level.open()
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    const locked = typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'LEVEL_LOCKED'
    if (locked) throw new AppError('transient', 'data.locked', 'another process uses this folder', { cause: error })
    throw new AppError('transient', 'data.unusable', 'the folder cannot be opened', { cause: error })
  }
  return new LevelDatastore(level)
}

/** libp2p's datastore interface over LevelDB. */
export class LevelDatastore extends BaseDatastore {
  private readonly level: Level

  constructor(level: Level) {
    super()
    this.level = level
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    await this.level.put(key.toString(), value)
    return key
  }

  /** Rejects with the `NotFoundError` that libp2p looks for. */
  override async get(key: Key): Promise<Uint8Array> {
    const value = await this.level.get(key.toString())
    if (value === undefined) throw new NotFoundError(`no ${key.toString()}`)
    return new Uint8Array(value)
  }

  override async has(key: Key): Promise<boolean> {
    return (await this.level.get(key.toString())) !== undefined
  }

  override async delete(key: Key): Promise<void> {
    await this.level.del(key.toString())
  }

  override batch(): Batch {
    const changes: Change[] = []
    return {
      put: (key, value) => void changes.push({ type: 'put', key: key.toString(), value }),
      delete: (key) => void changes.push({ type: 'del', key: key.toString() }),
      commit: () => this.level.batch(changes.splice(0)),
    }
  }

  override async *_all(query: Query): AsyncGenerator<Pair> {
    for await (const [key, value] of this.level.iterator(range(query))) yield { key: new Key(key, false), value: new Uint8Array(value) }
  }

  override async *_allKeys(query: KeyQuery): AsyncGenerator<Key> {
    for await (const key of this.level.keys(range(query))) yield new Key(key, false)
  }

  close(): Promise<void> {
    return this.level.close()
  }
}

function range({ prefix = '' }: { prefix?: string }): { gte: string; lt: string } {
  return { gte: prefix, lt: prefix + AFTER_ALL }
}
