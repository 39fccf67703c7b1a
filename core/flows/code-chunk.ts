import type { Bytes } from '../base/bytes.ts'
import { concat, equal } from '../base/bytes.ts'
import { AppError, asAppError, throwIfAborted } from '../base/errors.ts'
import { CHUNK_LIMITS, loadChunker, type Chunker } from '../chunker/chunker.ts'
import { loadErasure, type Erasure } from '../erasure/erasure.ts'
import { split } from '../erasure/rows.ts'
import { PLAINTEXT_BYTES } from '../formats/frame.ts'
import { loadBlake3 } from '../merkle/blake3.ts'
import type { Blake3 } from '../ports/blake3.ts'
import type { ChunkRows, CodedChunk, Coder, CoderKeys, FrameRef, Piece, Redundancy, Span } from '../ports/coder.ts'
import { sealChunk } from '../seal/chunk.ts'
import { openFrame } from '../seal/frame.ts'

/** What the coder computes with. */
export interface Kernels {
  readonly blake3: Blake3
  readonly chunker: Chunker
  readonly erasure: Erasure
}

/** All kernels, each with a memory of its own. Throws `invalid` `kernel.unsupported`. */
export async function loadKernels(): Promise<Kernels> {
  const blake3 = await loadBlake3()
  return { blake3, chunker: await loadChunker(blake3), erasure: await loadErasure() }
}

/** Bytes read from a file at once: large enough for a disk, small enough to read little more than one chunk. */
const READ = 2 * 1024 * 1024

/** Room for a chunk of average length; it doubles when the chunk turns out longer. */
const FIRST_ROOM = 4 * 1024 * 1024

/** The `Coder` that does its work where it stands, one step at a time. The pool's workers run it, and so do tests. */
export function createLocalCoder(kernels: Kernels): Coder {
  return {
    lanes: 1,
    cut: (source, offset, keys, signal) => cut(kernels, source, offset, keys, signal),
    identify: (source, keys, signal) => identify(kernels, source, keys, signal),
    encode: (pieces, keys, redundancy, signal) => encode(kernels, pieces, keys, redundancy, signal),
    decode: (rows, frame, signal) => decode(kernels, rows, frame, signal),
    join: (rows, signal) => join(kernels, rows, signal),
    open: (sealed, frame, signal) => open(kernels, sealed, frame, signal),
    close() {
      // Nothing runs when nothing was called.
    },
  }
}

async function cut({ blake3, chunker }: Kernels, source: Blob, offset: number, keys: CoderKeys, signal?: AbortSignal): Promise<Piece> {
  const most = Math.min(source.size - offset, CHUNK_LIMITS.max)
  if (!Number.isInteger(offset) || offset < 0 || most <= 0) throw new AppError('bug', 'coder.range', 'no chunk begins there')
  let room = new Uint8Array(Math.min(most, FIRST_ROOM))
  let known = 0
  for (;;) {
    const length = Math.min(READ, most - known)
    const next = await read({ source, offset: offset + known, length }, signal)
    if (known + length > room.length) room = grown(room, Math.min(most, 2 * room.length))
    room.set(next, known)
    const seen = room.subarray(0, known + length)
    const end = chunker.cut(seen, keys.cut, offset + seen.length === source.size, known)
    if (end !== undefined) return identified(blake3, { source, offset, length: end }, seen.subarray(0, end), keys)
    known = seen.length
  }
}

function grown(bytes: Bytes, length: number): Bytes {
  const larger = new Uint8Array(length)
  larger.set(bytes)
  return larger
}

async function identify({ blake3 }: Kernels, source: Blob, keys: CoderKeys, signal?: AbortSignal): Promise<Piece> {
  const span = { source, offset: 0, length: source.size }
  if (source.size === 0 || source.size > PLAINTEXT_BYTES) throw new AppError('bug', 'coder.range', 'not a small file')
  return identified(blake3, span, await read(span, signal), keys)
}

function identified(blake3: Blake3, span: Span, plaintext: Uint8Array, keys: CoderKeys): Piece {
  const hash = blake3.hash(plaintext)
  return { ...span, hash, id: blake3.keyed(keys.dedup, hash) }
}

async function encode(
  { blake3, erasure }: Kernels,
  pieces: readonly Piece[],
  keys: CoderKeys,
  { k, n }: Redundancy,
  signal?: AbortSignal,
): Promise<CodedChunk> {
  const plaintexts: Bytes[] = []
  for (const piece of pieces) {
    const plaintext = await read(piece, signal)
    if (!equal(blake3.hash(plaintext), piece.hash)) {
      throw new AppError('transient', 'file.changed', 'the file changed since it was looked at')
    }
    plaintexts.push(plaintext)
  }
  const { sealed, parts } = await sealChunk(plaintexts, keys.seal, blake3, signal === undefined ? {} : { signal })
  const frames = parts.map((part, i): FrameRef => {
    const piece = pieces[i]
    if (piece === undefined) throw new AppError('bug', 'coder.frames', 'more frames than pieces')
    return { ...part, hash: piece.hash, size: piece.length }
  })
  throwIfAborted(signal)
  const data = split(sealed, k)
  const shards = [...data, ...erasure.encode(data, n)]
  throwIfAborted(signal)
  return { k, n, frames, shardSize: data[0]?.length ?? 0, roots: shards.map((shard) => blake3.hash(shard)), shards }
}

async function decode(kernels: Kernels, rows: ChunkRows, frame: FrameRef, signal?: AbortSignal): Promise<Bytes> {
  throwIfAborted(signal)
  const { k, shardSize } = rows
  const end = frame.offset + frame.length
  if (end > k * shardSize) throw new AppError('corrupt', 'chunk.damaged', 'the frame lies outside its chunk')
  const first = Math.floor(frame.offset / shardSize)
  const start = frame.offset - first * shardSize
  const sealed = dataRows(kernels, rows, first, Math.ceil(end / shardSize)).slice(start, start + frame.length)
  return open(kernels, sealed, frame, signal)
}

async function join(kernels: Kernels, rows: ChunkRows, signal?: AbortSignal): Promise<Bytes> {
  throwIfAborted(signal)
  return dataRows(kernels, rows, 0, rows.k)
}

/** The data rows from `first` to before `end`, one after the other; those that did not come are computed. */
function dataRows({ erasure }: Kernels, { k, rows }: ChunkRows, first: number, end: number): Bytes {
  const wanted = Array.from({ length: end - first }, (_, i) => first + i)
  const present = new Map<number, Bytes>(rows.map((row) => [row.index, row.bytes]))
  const missing = wanted.filter((index) => !present.has(index))
  if (missing.length > 0) {
    const restored = erasure.restore(rows, k, missing)
    missing.forEach((index, i) => present.set(index, restored[i] ?? new Uint8Array(0)))
  }
  return concat(wanted.map((index) => present.get(index) ?? new Uint8Array(0)))
}

async function open({ blake3 }: Kernels, sealed: Bytes, { key, size, hash }: FrameRef, signal?: AbortSignal): Promise<Bytes> {
  throwIfAborted(signal)
  const plaintext = await openFrame({ sealed, key, expect: { size, hash, blake3 } })
  throwIfAborted(signal)
  return plaintext
}

/** The bytes of a span. Throws `aborted`; `transient` (`file.unreadable`) when the file changed or vanished under it. */
async function read({ source, offset, length }: Span, signal?: AbortSignal): Promise<Bytes> {
  throwIfAborted(signal)
  let bytes: Bytes
  try {
    bytes = new Uint8Array(await source.slice(offset, offset + length).arrayBuffer())
  } catch (error) {
    const { message } = asAppError(error)
    throw new AppError('transient', 'file.unreadable', message, { cause: error })
  }
  throwIfAborted(signal)
  if (bytes.length !== length) throw new AppError('transient', 'file.unreadable', 'the file is shorter than it was')
  return bytes
}
