import type { Bytes } from '../base/bytes.ts'

/** Keys that the coder needs, 32 bytes each, derived from the device secret. */
export interface CoderKeys {
  readonly cut: Bytes
  readonly dedup: Bytes
  readonly seal: Bytes
}

/** Part of a file. `File` and `Blob` cross to a worker by reference, not by copy. */
export interface Span {
  readonly source: Blob
  readonly offset: number
  readonly length: number
}

/** k data rows of n rows in all; rows k … n-1 are parity. */
export interface Redundancy {
  readonly k: number
  readonly n: number
}

/** A chunk or a small file, before it is known whether it must be stored. */
export interface Piece extends Span {
  /** Chunk id: keyed BLAKE3 of the plaintext hash under the dedup key, 32 bytes. */
  readonly id: Bytes
  /** BLAKE3 of the plaintext, 32 bytes. */
  readonly hash: Bytes
}

/** Where a frame lies in a sealed chunk and how to open it. */
export interface FrameRef {
  /** Bytes from the start of the sealed chunk, and sealed length. */
  readonly offset: number
  readonly length: number
  /** AES-256-GCM key, 32 bytes. */
  readonly key: Bytes
  /** BLAKE3 of the plaintext, 32 bytes, and its length in bytes. */
  readonly hash: Bytes
  readonly size: number
}

/** One erasure-coded sealed chunk. */
export interface CodedChunk extends Redundancy {
  /** One per piece, in order. */
  readonly frames: readonly FrameRef[]
  /** Bytes of all pieces, each compressed where that pays. */
  readonly compressed: number
  /** Bytes of each shard. */
  readonly shardSize: number
  /** n roots of 32 bytes. */
  readonly roots: readonly Bytes[]
  /** n shards of `shardSize` bytes, all views of one buffer. */
  readonly shards: readonly Bytes[]
}

/** Sealed bytes of one frame, as they were cut out of a pack or fetched as ranges of the data rows. */
export interface SealedFrame {
  readonly sealed: Bytes
  readonly frame: FrameRef
}

/** At least k rows of one sealed chunk, already verified against their roots. */
export interface ChunkRows extends Redundancy {
  readonly shardSize: number
  readonly rows: readonly { readonly index: number; readonly bytes: Bytes }[]
}

/**
 * Chunks, seals and codes: all work on bytes of files. Implemented by a pool of workers; in tests, in place.
 * Buffers handed over are transferred: the caller must not touch them again, and owns what comes back.
 * Errors: `aborted`; `transient` (`file.unreadable`) when the source changed or vanished; `corrupt` (`chunk.damaged`) on opening.
 */
export interface Coder {
  /** How many jobs may usefully run at once. */
  readonly lanes: number
  /** The next chunks of `source` from `offset`, one or more: each 1 to 16 MiB, less only at the end of the file; 16 MiB in all at most. */
  cut(source: Blob, offset: number, keys: CoderKeys, signal?: AbortSignal): Promise<Piece[]>
  /** Ids and hashes of small files, each one piece; together at most 16 MiB. */
  identify(sources: readonly Blob[], keys: CoderKeys, signal?: AbortSignal): Promise<Piece[]>
  /** Seals and codes one chunk (one piece), or a pack (several small files, together at most 4 MiB). Throws `transient` `file.changed` when a piece no longer has its hash. */
  encode(pieces: readonly Piece[], keys: CoderKeys, redundancy: Redundancy, signal?: AbortSignal): Promise<CodedChunk>
  /** Rows → plaintext of one frame. Decodes only when a data row is missing. */
  decode(rows: ChunkRows, frame: FrameRef, signal?: AbortSignal): Promise<Bytes>
  /** Rows → all sealed bytes of their chunk, `k * shardSize` of them, of which the last few are padding: for many frames of one pack. */
  join(rows: ChunkRows, signal?: AbortSignal): Promise<Bytes>
  /** Sealed frames → their plaintexts, in order. */
  open(frames: readonly SealedFrame[], signal?: AbortSignal): Promise<Bytes[]>
  /** Stops all workers. */
  close(): void
}
