import { concat, type Bytes } from '../../base/bytes.ts'
import { AppError, throwIfAborted } from '../../base/errors.ts'
import { Joined, type ByteView } from '../../base/joined.ts'
import { CHUNK_LIMITS, loadChunker, type Chunker } from '../../chunker/chunker.ts'
import { loadErasure, type Erasure } from '../../erasure/erasure.ts'
import { shardSize } from '../../erasure/rows.ts'
import { PLAINTEXT_BYTES, SEGMENT, TAG } from '../../formats/frame.ts'
import { loadBlake3 } from '../../merkle/blake3.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { ChunkRows, CodedChunk, Coder, CoderKeys, FrameRef, Piece, Redundancy, SealedFrame } from '../../ports/coder.ts'
import { sealChunk, type Plaintext } from '../../seal/chunk.ts'
import { openFrame } from '../../seal/frame.ts'
import { Plaintexts, type Held } from './plaintexts.ts'
import { readTogether, Window } from './span.ts'

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

/** The `Coder` that does its work where it stands, one step at a time. The pool's workers run it, and so do tests. */
export function createLocalCoder(kernels: Kernels): Coder {
  const coder = new LocalCoder(kernels)
  return {
    lanes: 1,
    cut: (source, offset, keys, signal) => coder.cut(source, offset, keys, signal),
    identify: (sources, keys, signal) => coder.identify(sources, keys, signal),
    encode: (pieces, keys, redundancy, signal) => coder.encode(pieces, keys, redundancy, signal),
    decode: (rows, frame, signal) => coder.decode(rows, frame, signal),
    join: (rows, signal) => coder.join(rows, signal),
    open: (frames, signal) => coder.open(frames, signal),
    close() {
      // Nothing runs when nothing was called.
    },
  }
}

class LocalCoder implements Omit<Coder, 'lanes' | 'close'> {
  private readonly kernels: Kernels
  private readonly plaintexts: Plaintexts
  /** Not in use now. */
  private readonly windows: Window[] = []
  /** For a sealed segment that lies in two rows: WebCrypto copies what it is given before it returns, so all jobs share it. */
  private readonly scratch = new Uint8Array(SEGMENT + TAG)

  constructor(kernels: Kernels) {
    this.kernels = kernels
    this.plaintexts = new Plaintexts(kernels.blake3)
  }

  async cut(source: Blob, offset: number, keys: CoderKeys, signal?: AbortSignal): Promise<Piece[]> {
    const length = Math.min(source.size - offset, CHUNK_LIMITS.max)
    if (!Number.isInteger(offset) || offset < 0 || length <= 0) throw new AppError('bug', 'coder.range', 'no chunk begins there')
    this.plaintexts.hold([])
    // Much at once: a browser brings files through a pipe whose setting up costs more than the bytes of a short read.
    const window = this.windows.pop() ?? new Window(CHUNK_LIMITS.max)
    const users = usersOf(() => this.windows.push(window))
    try {
      const bytes = await window.read({ source, offset, length }, signal)
      const chunks = this.chunksOf(bytes, keys, offset + length === source.size)
      const pieces = chunks.map(({ at, chunk }) => this.identified({ source, offset: offset + at, bytes: chunk }, keys))
      this.plaintexts.hold(pieces.map(({ hash }, i) => ({ hash, bytes: chunks[i]?.chunk ?? new Uint8Array(0), release: users.enter() })))
      return pieces
    } finally {
      users.leave()
    }
  }

  async identify(sources: readonly Blob[], keys: CoderKeys, signal?: AbortSignal): Promise<Piece[]> {
    if (sources.some(({ size }) => size === 0 || size > PLAINTEXT_BYTES)) throw new AppError('bug', 'coder.range', 'not a small file')
    const plaintexts = await readTogether(sources, signal)
    const pieces = plaintexts.map((bytes, i) => this.identified({ source: sources[i] ?? new Blob(), offset: 0, bytes }, keys))
    this.plaintexts.hold(pieces.map(({ hash }, i) => ({ hash, bytes: plaintexts[i] ?? new Uint8Array(0), release: () => undefined })))
    return pieces
  }

  async encode(pieces: readonly Piece[], keys: CoderKeys, redundancy: Redundancy, signal?: AbortSignal): Promise<CodedChunk> {
    const plaintexts: Held[] = []
    try {
      for (const piece of pieces) plaintexts.push(await this.plaintexts.take(piece, signal))
      return await this.code(plaintexts, keys, redundancy, signal)
    } finally {
      for (const { release } of plaintexts) release()
    }
  }

  async decode(rows: ChunkRows, frame: FrameRef, signal?: AbortSignal): Promise<Bytes> {
    throwIfAborted(signal)
    const { k, shardSize: size } = rows
    const end = frame.offset + frame.length
    if (end > k * size) throw new AppError('corrupt', 'chunk.damaged', 'the frame lies outside its chunk')
    const first = Math.floor(frame.offset / size)
    const data = dataRows(this.kernels.erasure, rows, first, Math.ceil(end / size))
    const start = frame.offset - first * size
    const sealed = data.map((row, i) => row.subarray(i === 0 ? start : 0, start + frame.length - i * size))
    return await this.plain(new Joined(sealed, this.scratch), frame, signal)
  }

  async join(rows: ChunkRows, signal?: AbortSignal): Promise<Bytes> {
    throwIfAborted(signal)
    return concat(dataRows(this.kernels.erasure, rows, 0, rows.k))
  }

  async open(frames: readonly SealedFrame[], signal?: AbortSignal): Promise<Bytes[]> {
    return await Promise.all(frames.map(({ sealed, frame }) => this.plain(sealed, frame, signal)))
  }

  /** The chunks at the beginning of `bytes` that end in it: at least one. `final`: the file ends with these bytes. */
  private chunksOf(bytes: Bytes, keys: CoderKeys, final: boolean): { at: number; chunk: Bytes }[] {
    const chunks: { at: number; chunk: Bytes }[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = this.kernels.chunker.cut(bytes.subarray(at), keys.cut, final)
      if (length === undefined) break
      chunks.push({ at, chunk: bytes.subarray(at, at + length) })
      at += length
    }
    return chunks
  }

  private identified({ source, offset, bytes }: { source: Blob; offset: number; bytes: Bytes }, keys: CoderKeys): Piece {
    const { blake3 } = this.kernels
    const hash = blake3.hash(bytes)
    return { source, offset, length: bytes.length, hash, id: blake3.keyed(keys.dedup, hash) }
  }

  private async code(plaintexts: readonly Plaintext[], keys: CoderKeys, { k, n }: Redundancy, signal?: AbortSignal): Promise<CodedChunk> {
    const { blake3, erasure } = this.kernels
    let shards: Bytes[] = []
    const { parts } = await sealChunk(plaintexts, keys.seal, blake3, {
      memory: (length) => {
        const size = shardSize(length, k)
        const all = new Uint8Array(n * size)
        shards = Array.from({ length: n }, (_, row) => all.subarray(row * size, (row + 1) * size))
        return all
      },
      ...(signal === undefined ? {} : { signal }),
    })
    throwIfAborted(signal)
    erasure.encode(shards.slice(0, k), n, shards.slice(k))
    throwIfAborted(signal)
    const frames = parts.map(({ offset, length, key }, i): FrameRef => {
      const plaintext = plaintexts[i]
      if (plaintext === undefined) throw new AppError('bug', 'coder.frames', 'more frames than pieces')
      return { offset, length, key, hash: plaintext.hash, size: plaintext.bytes.length }
    })
    const compressed = parts.reduce((sum, { body }) => sum + body, 0)
    return { k, n, frames, compressed, shardSize: shards[0]?.length ?? 0, roots: shards.map((shard) => blake3.hash(shard)), shards }
  }

  private async plain(sealed: ByteView, { key, size, hash }: FrameRef, signal?: AbortSignal): Promise<Bytes> {
    throwIfAborted(signal)
    const plaintext = await openFrame({ sealed, key, expect: { size, hash, blake3: this.kernels.blake3 } })
    throwIfAborted(signal)
    return plaintext
  }
}

/** The data rows from `first` to before `end`; those that did not come are computed. Errors as `Erasure.restore`. */
function dataRows(erasure: Erasure, { k, rows }: ChunkRows, first: number, end: number): Bytes[] {
  const wanted = Array.from({ length: end - first }, (_, i) => first + i)
  const present = new Map<number, Bytes>(rows.map((row) => [row.index, row.bytes]))
  const missing = wanted.filter((index) => !present.has(index))
  if (missing.length > 0) {
    const restored = erasure.restore(rows, k, missing)
    missing.forEach((index, i) => present.set(index, restored[i] ?? new Uint8Array(0)))
  }
  return wanted.map((index) => present.get(index) ?? new Uint8Array(0))
}

/** Counts users, the caller being the first; `free` is called when the last one has left. */
function usersOf(free: () => void): { enter: () => () => void; leave: () => void } {
  let users = 1
  const leave = (): void => {
    if (--users === 0) free()
  }
  return {
    enter: () => {
      users++
      return leave
    },
    leave,
  }
}
