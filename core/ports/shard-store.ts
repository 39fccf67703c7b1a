/** A shard root: 64 characters of lower-case hexadecimal. */
export type ShardRoot = string

export interface ShardEntry {
  readonly root: ShardRoot
  /** Bytes. */
  readonly size: number
}

/**
 * Whole shards on a disk, by name. Does not check that bytes hash to their name: the caller did, and will again.
 *
 * Atomicity: a shard is there whole or not at all, also when the process dies in `put`; a half-written one is never served.
 * Durability: when `put` resolves, the bytes survive a crash of the process and were flushed to the disk.
 * Idempotency: `put` of a shard that is there, and `delete` of one that is not, do nothing.
 * Errors: `absent` (`shard.absent`) only when the store knows that it has no such shard; `corrupt` (`shard.damaged`) when its file is
 * missing, shorter or longer than the index says; `quota` (`storage.full`); else `transient` (`shard.io`).
 */
export interface ShardStore {
  put(root: ShardRoot, bytes: Uint8Array): Promise<void>
  /** The whole shard, or `length` bytes from `offset`; `invalid` (`shard.range`) when these lie outside it. */
  get(root: ShardRoot, range?: { offset: number; length: number }): Promise<Uint8Array<ArrayBuffer>>
  /** Its size in bytes, or `undefined` when there is provably no such shard. Reads no contents. */
  size(root: ShardRoot): Promise<number | undefined>
  delete(root: ShardRoot): Promise<void>
  list(): AsyncIterable<ShardEntry>
  /** Bytes held, and bytes that the platform would still grant. */
  room(): Promise<{ used: number; free: number }>
  close(): Promise<void>
}
