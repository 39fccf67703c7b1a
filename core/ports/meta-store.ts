/** One change of a batch. */
export type MetaChange =
  | { readonly put: string; readonly value: Uint8Array }
  | { readonly del: string }

/**
 * A small ordered key-value store: the index of what lies on disk. Keys are ASCII, at most 200 characters.
 *
 * Atomicity: a `batch` happens whole or not at all, also when the process dies in it.
 * Durability: when `batch` resolves, it survives a crash of the process; with `strict` also a loss of power.
 * Ordering: a batch sees all batches that resolved before it began.
 * Errors: `quota` (`storage.full`), else `transient` (`meta.failed`); a failure is never read as "not there".
 */
export interface MetaStore {
  /** The value, or `undefined` when there is provably none. */
  get(key: string): Promise<Uint8Array | undefined>
  batch(changes: readonly MetaChange[], options?: { strict?: boolean }): Promise<void>
  /** All entries whose key starts with `prefix`, in key order. Changes made meanwhile may or may not be seen. */
  range(prefix: string): AsyncIterable<readonly [key: string, value: Uint8Array]>
  close(): Promise<void>
}
