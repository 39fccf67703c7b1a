import { AppError, isAppError } from '../base/errors.ts'
import { concat, equal, type Bytes } from '../base/bytes.ts'
import { Joined, type ByteView } from '../base/joined.ts'
import { LABELS } from '../base/labels.ts'
import type { Blake3 } from '../ports/blake3.ts'
import {
  decodeFrameHeader,
  encodeFrameHeader,
  FRAME_HEADER,
  PLAINTEXT_BYTES,
  type Compression,
  type FrameHeader,
} from '../formats/frame.ts'
import { bestCompressor, compress, decompress, type Compressor } from './compress.ts'
import { hkdf } from './hkdf.ts'
import { padme } from './padme.ts'
import { openSegments } from './segments.ts'

/** What goes into a frame: the plaintext, compressed when that pays. */
export interface FrameBody {
  readonly compression: Compression
  readonly size: number
  readonly bytes: Bytes
}

/**
 * Compresses `plaintext` (at most 16 MiB) when that pays. `zstd` loads a library of 240 kB into the worker, `deflate` nothing.
 * Throws `transient` `zstd.unavailable` when that cannot be loaded.
 */
export async function frameBody(plaintext: Bytes, compressor: Compressor = bestCompressor()): Promise<FrameBody> {
  if (plaintext.length > PLAINTEXT_BYTES) throw new AppError('bug', 'format.unencodable', 'more plaintext than a frame may hold')
  const bytes = await compress(plaintext, compressor)
  if (bytes === undefined) return { compression: 'none', size: plaintext.length, bytes: plaintext }
  return { compression: compressor, size: plaintext.length, bytes }
}

/** Bytes of the frame of `body` without padding, and as a frame that stands alone. */
export function bareLength(body: FrameBody): number {
  return FRAME_HEADER + body.bytes.length
}
export function paddedLength(body: FrameBody): number {
  return padme(bareLength(body))
}

/** The frame of `body`, padded with zeros to `length` bytes. */
export function buildFrame({ compression, size, bytes }: FrameBody, length: number): Joined {
  const padding = length - FRAME_HEADER - bytes.length
  if (padding < 0) throw new AppError('bug', 'format.unencodable', 'a frame shorter than its body')
  return new Joined([encodeFrameHeader({ compression, size, bodyLength: bytes.length }), bytes, new Uint8Array(padding)])
}

/**
 * The key under which a chunk's frame is sealed (docs/formats/chunk.md 3). It depends on every byte of the frame: on header and length by themselves,
 * on the body by its BLAKE3 hash, and padding is zeros.
 */
export async function chunkFrameKey(frame: ByteView, bodyHash: Bytes, sealKey: Bytes, blake3: Blake3): Promise<Bytes> {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, frame.length)
  return await frameKey(sealKey, blake3.hash(concat([frame.subarray(0, FRAME_HEADER), length, bodyHash])))
}

/** The key of the frame with that hash (docs/formats/chunk.md 3, its frame hash), or in an object with that tag (objects.md 1). */
export function frameKey(secret: Bytes, frameHash: Bytes): Promise<Bytes> {
  return hkdf(secret, LABELS.frameKey, frameHash)
}

/**
 * The plaintext of a sealed frame. With `expect` it must have that size and BLAKE3 hash.
 * Throws `corrupt` `chunk.damaged` (cause: what is wrong) for whatever chunk.md 3 tells a reader to refuse, and
 * `transient` `zstd.unavailable` when the decompressor cannot be loaded.
 */
export async function openFrame(options: {
  readonly sealed: ByteView
  readonly key: Bytes
  readonly expect?: { readonly size: number; readonly hash: Uint8Array; readonly blake3: Blake3 }
}): Promise<Bytes> {
  const { sealed, key, expect } = options
  try {
    const frame = await openSegments({ bytes: sealed, first: 0, length: sealed.length }, key)
    const plaintext = await readFrame(frame, expect?.size)
    if (expect !== undefined && !equal(expect.blake3.hash(plaintext), expect.hash)) throw damaged('other plaintext than promised')
    return plaintext
  } catch (error) {
    if (isAppError(error, 'invalid')) throw damaged(error.message, error)
    throw error
  }
}

/** The plaintext in an opened frame; `size`, where known, is checked before anything is decompressed. */
export async function readFrame(frame: Bytes, size?: number): Promise<Bytes> {
  const header = decodeFrameHeader(frame)
  if (size !== undefined && header.size !== size) throw damaged('another size than promised')
  const end = FRAME_HEADER + header.bodyLength
  for (let i = end; i < frame.length; i++) if (frame[i] !== 0) throw damaged('padding that is not zeros')
  return plaintextOf(header, frame.subarray(FRAME_HEADER, end))
}

async function plaintextOf(header: FrameHeader, body: Bytes): Promise<Bytes> {
  if (header.compression === 'none') return body
  const plaintext = await decompress(body, header.compression, header.size)
  if (plaintext === undefined) throw damaged('a body that does not decompress to its plaintext')
  return plaintext
}

function damaged(message: string, cause?: unknown): AppError {
  return new AppError('corrupt', 'chunk.damaged', message, cause === undefined ? {} : { cause })
}
