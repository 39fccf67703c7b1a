/** What the coder was given since this storage was started, and what it made of it, in bytes. */
export interface CodedBytes {
  /** Of files. */
  readonly read: number
  /** Of these, what was not in the list already. */
  readonly fresh: number
  /** Of that, each piece compressed where that pays. */
  readonly compressed: number
  /** Of all shards of that: sealed, padded and spread for safety. */
  readonly shards: number
}

/** Counts `CodedBytes`. */
export class Tally {
  private sums = { read: 0, fresh: 0, compressed: 0, shards: 0 }

  get bytes(): CodedBytes {
    return this.sums
  }

  /** A piece that was known. */
  knew(length: number): void {
    this.sums = { ...this.sums, read: this.sums.read + length }
  }

  /** Pieces of `length` bytes in all that were sealed. */
  sealed(length: number, compressed: number, shards: number): void {
    const { sums } = this
    this.sums = { read: sums.read + length, fresh: sums.fresh + length, compressed: sums.compressed + compressed, shards: sums.shards + shards }
  }
}
