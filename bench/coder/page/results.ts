export interface StoreOptions {
  /** Shards are written as the app writes them, or thrown away. */
  readonly written: boolean
  /** Coded chunks are kept for `read`. */
  readonly kept: boolean
}

export interface StoreResult {
  readonly seconds: number
  /** Bytes of plaintext, of shards, and number of chunks and packs. */
  readonly bytes: number
  readonly shards: number
  readonly chunks: number
}

export interface ReadResult {
  readonly seconds: number
  readonly bytes: number
}

/** What the page's worker can be asked for. */
export interface CoderBench {
  store(files: readonly File[], options: StoreOptions): Promise<StoreResult>
  /** Opens all that `store` kept, with the first `lost` data rows missing. */
  read(lost: number): Promise<ReadResult>
}
