/** Time, passed in so that tests can own it. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC, as this machine believes. May jump. */
  now(): number
  /** Resolves after `ms` milliseconds; rejects `aborted` when `signal` fires first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Randomness, passed in so that a test can print its seed and repeat itself. */
export interface Random {
  /** `length` bytes fit for keys. */
  bytes(length: number): Uint8Array<ArrayBuffer>
  /** A number in [0, 1), fit for jitter and sampling only. */
  unit(): number
}
