import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames } from 'idb'
import { AppError, asAppError } from '../../core/base/errors.ts'

/** The one database of the origin (docs/formats/vault-disk.md 2). The first five are key-value stores of their own: ASCII keys, bytes. */
export interface ShoalSchema extends DBSchema {
  /** The list of files (docs/formats/list.md). */
  list: { key: string; value: Uint8Array<ArrayBuffer> }
  /** Which shards lie in the file system. */
  shards: { key: string; value: Uint8Array<ArrayBuffer> }
  /** What belongs to this browser alone, and to no backup: who it is, its relays. */
  device: { key: string; value: Uint8Array<ArrayBuffer> }
  /** What is held for others (docs/formats/vault.md), and which of its shards lie in the file system. */
  vault: { key: string; value: Uint8Array<ArrayBuffer> }
  /** Copies of contents of own files (docs/formats/copies.md), and which of them lie in the file system. */
  copies: { key: string; value: Uint8Array<ArrayBuffer> }
  /** Handles of files that are being stored, by file id: to go on after a restart without asking for the file. */
  handles: { key: string; value: FileSystemFileHandle }
  /** Keys of this browser that no code can read out. */
  keys: { key: string; value: CryptoKey }
}

/** Those of its object stores that hold bytes. */
export type BytesStore = 'list' | 'shards' | 'device' | 'vault' | 'copies'

export type ShoalDatabase = IDBPDatabase<ShoalSchema>

/** 2: `vault`. 3: `keys`. 4: `copies`. */
const VERSION = 4

const STORES = ['list', 'shards', 'device', 'vault', 'copies', 'handles', 'keys'] as const

type WriteTransaction = IDBPTransaction<ShoalSchema, StoreNames<ShoalSchema>[], 'readwrite'>

/**
 * A transaction that may write to any object store; every write begins with this. It spans all of them, so that no two are under way at once, in
 * whichever tab: Chromium (156) throws away all databases of an origin when it died in the midst of two of one database (docs/formats/vault-disk.md 2).
 * `relaxed` survives the process, `strict` a loss of power too.
 */
export function beginWrite(database: ShoalDatabase, durability: 'strict' | 'relaxed'): WriteTransaction {
  return database.transaction([...STORES], 'readwrite', { durability })
}

/** Opens the database `name`. Throws `transient` (`meta.failed`) where the browser refuses it, as private windows may. */
export async function openDatabase(name: string): Promise<ShoalDatabase> {
  try {
    const database = await openDB<ShoalSchema>(name, VERSION, {
      upgrade(opened, from) {
        if (from < 1) for (const store of ['list', 'shards', 'device', 'handles'] as const) opened.createObjectStore(store)
        if (from < 2) opened.createObjectStore('vault')
        if (from < 3) opened.createObjectStore('keys')
        if (from < 4) opened.createObjectStore('copies')
      },
      // A newer version in another tab must not wait for ever; what we do then fails as transient until the reload.
      blocking: () => database.close(),
    })
    return database
  } catch (error) {
    throw storageError(error)
  }
}

/** A failure of IndexedDB as an `AppError`. An aborted transaction is a failed one: nobody cancelled it. */
export function storageError(error: unknown): AppError {
  const app = asAppError(error, 'transient', 'meta.failed')
  return app.kind === 'aborted' ? new AppError('transient', 'meta.failed', app.message, { cause: error }) : app
}
