import { concat, type Bytes } from '../base/bytes.ts'
import type { Blake3 } from '../ports/blake3.ts'
import { byte, fixed, list, refined, struct, uint, type Codec, type Reader } from './codec.ts'
import { PLAINTEXT_BYTES } from './frame.ts'

/** One piece of a file in its manifest: how to find and open it (docs/formats/objects.md 2). */
export interface ChunkEntry {
  /** Data rows of the sealed chunk, and bytes of each. */
  readonly k: number
  readonly shardSize: number
  /** Where the frame lies in the sealed chunk: bytes from its start, and sealed length. */
  readonly offset: number
  readonly length: number
  /** AES-256-GCM key of the frame, 32 bytes. */
  readonly key: Bytes
  /** BLAKE3 of the plaintext, and its length in bytes. */
  readonly hash: Bytes
  readonly size: number
  /** k roots of 32 bytes. */
  readonly roots: readonly Bytes[]
}

/** Most data rows, and most rows in all: parity rows up to index 63 are defined. */
export const DATA_ROWS = 32
export const ROWS = 64
/** Longest shard: 1/10 of the largest sealed chunk fits. */
export const SHARD_BYTES = 2 * 1024 * 1024
/** Longest sealed chunk: `DATA_ROWS` of the longest shards. */
export const SEALED_BYTES = DATA_ROWS * SHARD_BYTES
/** One byte and its tag. */
export const SEALED_FRAME_MIN = 17

/** `byte(32)`, at least 1. */
export const dataRows: Codec<number> = refined(byte(DATA_ROWS), (k) => (k < 1 ? 'no data rows' : undefined))

/** A multiple of 64 between 64 and 2 MiB. */
export const shardSize: Codec<number> = refined(uint(SHARD_BYTES), (size) =>
  size < 64 || size % 64 !== 0 ? 'not the size of a shard' : undefined,
)

/** Where a frame lies and how it is opened; the same in entries and in the list on a device. */
export const frameFields = {
  offset: uint(SEALED_BYTES),
  length: refined(uint(SEALED_BYTES), (length) => (length < SEALED_FRAME_MIN ? 'shorter than any frame' : undefined)),
  key: fixed(32),
  hash: fixed(32),
  size: refined(uint(PLAINTEXT_BYTES), (size) => (size < 1 ? 'an empty piece' : undefined)),
}

type EntryHead = Omit<ChunkEntry, 'roots'>

const head: Codec<EntryHead> = refined(struct<EntryHead>({ k: dataRows, shardSize, ...frameFields }), (entry) =>
  entry.offset + entry.length > entry.k * entry.shardSize ? 'the frame ends outside its chunk' : undefined,
)

const root = fixed(32)

export const chunkEntry: Codec<ChunkEntry> = {
  write(to, entry) {
    head.write(to, entry)
    rootsOf(entry.k).write(to, entry.roots)
  },
  read(from) {
    const { k, ...rest } = head.read(from)
    return { k, ...rest, roots: rootsOf(k).read(from) }
  },
}

/** Exactly `count` roots, with no count before them. */
function rootsOf(count: number): Codec<readonly Bytes[]> {
  const all = fixed(32 * count)
  return {
    write(to, roots) {
      all.write(to, concat(roots))
    },
    read: (from: Reader) => Array.from({ length: count }, () => root.read(from)),
  }
}

/** Parity roots of one chunk, n - k of them: what belongs to its placement. */
export const parityEntry: Codec<Bytes[]> = list(root, ROWS - 1)

/** The name of a sealed chunk: BLAKE3 over its data roots in order (docs/formats/chunk.md 6). */
export function sealedName(dataRoots: readonly Bytes[], blake3: Blake3): Bytes {
  return blake3.hash(concat(dataRoots))
}
