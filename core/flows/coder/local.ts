import { concat, type Bytes } from '../../base/bytes.ts'
import { AppError, throwIfAborted } from '../../base/errors.ts'
import { CHUNK_LIMITS, loadChunker, type Chunker } from '../../chunker/chunker.ts'
import { loadErasure, type Erasure } from '../../erasure/erasure.ts'
import { shardSize } from '../../erasure/rows.ts'
import { PLAINTEXT_BYTES } from '../../formats/frame.ts'
import { loadBlake3 } from '../../merkle/blake3.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { ChunkRows, CodedChunk, Coder, CoderKeys, FrameRef, Piece, Redundancy, SealedFrame } from '../../ports/coder.ts'
import { sealChunk } from '../../seal/chunk.ts'
import { openFrame } from '../../seal/frame.ts'
import type { SealedBytes } from '../../seal/segments.ts'
import { Plaintexts, readSpan, type Held } from './plaintexts.ts'
import type { Room } from './room.ts'
import { dataRows, RowBytes } from './rows.ts'

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

/** Bytes read from a file at first, and then at once: each read costs a call to the browser's own process, and what lies behind the cut was read in vain. */
const FIRST_READ = 2 * 1024 * 1024
const NEXT_READ = 1024 * 1024

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

  constructor(kernels: Kernels) {
    this.kernels = kernels
    this.plaintexts = new Plaintexts(kernels.blake3)
  }

  async cut(source: Blob, offset: number, keys: CoderKeys, signal?: AbortSignal): Promise<Piece> {
    const most = Math.min(source.size - offset, CHUNK_LIMITS.max)
    if (!Number.isInteger(offset) || offset < 0 || most <= 0) throw new AppError('bug', 'coder.range', 'no chunk begins there')
    this.plaintexts.hold([])
    const room = this.plaintexts.takeRoom()
    try {
      const length = await this.cutInto(room, { source, offset, most }, keys, signal)
      const bytes = room.plaintext(length)
      const piece = this.identified({ source, offset, bytes }, keys)
      this.plaintexts.hold([{ bytes, hash: piece.hash, around: room.around, room }])
      return piece
    } catch (error) {
      this.plaintexts.giveRoom(room)
      throw error
    }
  }

  async identify(sources: readonly Blob[], keys: CoderKeys, signal?: AbortSignal): Promise<Piece[]> {
    if (sources.some(({ size }) => size === 0 || size > PLAINTEXT_BYTES)) throw new AppError('bug', 'coder.range', 'not a small file')
    const all = await Promise.all(sources.map((source) => readSpan({ source, offset: 0, length: source.size }, signal)))
    const pieces = all.map((bytes, i) => this.identified({ source: sources[i] ?? new Blob(), offset: 0, bytes }, keys))
    this.plaintexts.hold(pieces.map(({ hash }, i) => ({ hash, bytes: all[i] ?? new Uint8Array(0) })))
    return pieces
  }

  async encode(pieces: readonly Piece[], keys: CoderKeys, redundancy: Redundancy, signal?: AbortSignal): Promise<CodedChunk> {
    const plaintexts: Held[] = []
    try {
      for (const piece of pieces) plaintexts.push(await this.plaintexts.take(piece, signal))
      return await this.code(plaintexts, keys, redundancy, signal)
    } finally {
      for (const { room } of plaintexts) this.plaintexts.giveRoom(room)
    }
  }

  async decode(rows: ChunkRows, frame: FrameRef, signal?: AbortSignal): Promise<Bytes> {
    throwIfAborted(signal)
    const { k, shardSize: size } = rows
    const end = frame.offset + frame.length
    if (end > k * size) throw new AppError('corrupt', 'chunk.damaged', 'the frame lies outside its chunk')
    const first = Math.floor(frame.offset / size)
    const data = dataRows(this.kernels.erasure, rows, first, Math.ceil(end / size))
    return await this.plain(new RowBytes(data, size, frame.offset - first * size, frame.length), frame, signal)
  }

  async join(rows: ChunkRows, signal?: AbortSignal): Promise<Bytes> {
    throwIfAborted(signal)
    return concat(dataRows(this.kernels.erasure, rows, 0, rows.k))
  }

  async open(frames: readonly SealedFrame[], signal?: AbortSignal): Promise<Bytes[]> {
    return await Promise.all(frames.map(({ sealed, frame }) => this.plain(sealed, frame, signal)))
  }

  /** Reads the chunk at `offset` into `room`. Resolves to its length. */
  private async cutInto(room: Room, { source, offset, most }: { source: Blob; offset: number; most: number }, keys: CoderKeys, signal?: AbortSignal): Promise<number> {
    for (let known = 0; ; ) {
      const length = Math.min(known === 0 ? FIRST_READ : NEXT_READ, most - known)
      const seen = known + length
      room.reserve(seen)
      room.plaintext(seen).set(await readSpan({ source, offset: offset + known, length }, signal), known)
      const end = this.kernels.chunker.cut(room.plaintext(seen), keys.cut, offset + seen === source.size, known)
      if (end !== undefined) return end
      known = seen
    }
  }

  private identified({ source, offset, bytes }: { source: Blob; offset: number; bytes: Bytes }, keys: CoderKeys): Piece {
    const { blake3 } = this.kernels
    const hash = blake3.hash(bytes)
    return { source, offset, length: bytes.length, hash, id: blake3.keyed(keys.dedup, hash) }
  }

  private async code(plaintexts: readonly Held[], keys: CoderKeys, { k, n }: Redundancy, signal?: AbortSignal): Promise<CodedChunk> {
    const { blake3, erasure } = this.kernels
    const { sealed, parts } = await sealChunk(plaintexts, keys.seal, blake3, {
      capacity: (length) => k * shardSize(length, k),
      ...(signal === undefined ? {} : { signal }),
    })
    const frames = parts.map(({ offset, length, key }, i): FrameRef => {
      const plaintext = plaintexts[i]
      if (plaintext === undefined) throw new AppError('bug', 'coder.frames', 'more frames than pieces')
      return { offset, length, key, hash: plaintext.hash, size: plaintext.bytes.length }
    })
    throwIfAborted(signal)
    const size = sealed.length / k
    const data = Array.from({ length: k }, (_, row) => sealed.subarray(row * size, (row + 1) * size))
    const shards = [...data, ...erasure.encode(data, n)]
    throwIfAborted(signal)
    const compressed = parts.reduce((sum, { body }) => sum + body, 0)
    return { k, n, frames, compressed, shardSize: size, roots: shards.map((shard) => blake3.hash(shard)), shards }
  }

  private async plain(sealed: SealedBytes, { key, size, hash }: FrameRef, signal?: AbortSignal): Promise<Bytes> {
    throwIfAborted(signal)
    const plaintext = await openFrame({ sealed, key, expect: { size, hash, blake3: this.kernels.blake3 } })
    throwIfAborted(signal)
    return plaintext
  }
}
