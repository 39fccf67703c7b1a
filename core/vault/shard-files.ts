import type { Bytes } from '../base/bytes.ts'

/**
 * Files of shards in folders, two levels deep: all that `openShardStore` needs of a disk. Errors are the platform's own; the store wraps them.
 * The store never runs two operations on one file at once.
 */
export interface ShardFiles {
  /** Writes the whole file and flushes it to the disk, in place of what was there. When it rejects, part of it may be left. */
  write(folder: string, name: string, bytes: Uint8Array): Promise<void>
  /** `length` bytes from `offset`; `undefined` when there is no such file or it is not exactly `size` bytes long. */
  read(folder: string, name: string, range: { offset: number; length: number; size: number }): Promise<Bytes | undefined>
  /** The file's length in bytes; `undefined` when there is none. */
  length(folder: string, name: string): Promise<number | undefined>
  /** Removes the file, if there is one. */
  remove(folder: string, name: string): Promise<void>
  folders(): Promise<readonly string[]>
  /** All files of a folder, those that a dying process left included. */
  names(folder: string): Promise<readonly string[]>
  /** Bytes that the platform would still grant. */
  free(): Promise<number>
}
