export interface StoreOptions {
  /** Shards are written to the disk, through the app's own outbox, or thrown away. */
  readonly written: boolean
  /** Nothing is known from earlier calls. */
  readonly anew: boolean
  /** Coded chunks are kept in memory for `read`. */
  readonly kept: boolean
}

export interface StoreResult {
  readonly seconds: number
  /** Bytes of plaintext. */
  readonly bytes: number
  /** Bytes of plaintext that were not known from an earlier call, and of these after compression. */
  readonly fresh: number
  readonly compressed: number
  /** Bytes of shards. */
  readonly shards: number
}

export interface ReadResult {
  readonly seconds: number
  readonly bytes: number
}

/** In ms, one of each per cancelled store. */
export interface CancelResult {
  /** Until the store has ended and no worker has a job any more. */
  readonly idle: number[]
  /** How long a small job takes that is placed then: a worker that was given up is started anew for it. */
  readonly fresh: number[]
}

/** Bytes per second of one thread: of data rows while six rows are made of ten (in memory that is there, and in new memory), and one; of what is hashed; of a file that is cut. */
export interface KernelRates {
  readonly encode: number
  readonly encodeAnew: number
  readonly decode: number
  readonly rebuild: number
  readonly hash: number
  readonly cut: number
}

/** What the page's worker can be asked for. */
export interface CoderBench {
  store(files: readonly File[], options: StoreOptions): Promise<StoreResult>
  /** Checks and opens all that `store` kept, with the first `lost` data rows missing. */
  read(lost: number): Promise<ReadResult>
  kernels(): Promise<KernelRates>
  /** Cancels the storing of `file` so many times, each at a random moment. */
  cancel(file: File, times: number): Promise<CancelResult>
  /** Seconds that the browser takes to write `bytes` in files of `size`, one after another. */
  write(bytes: number, size: number): Promise<number>
}
