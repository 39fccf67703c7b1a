import { AppError } from '../base/errors.ts'
import { concat, utf8, type Bytes } from '../base/bytes.ts'
import { malformed } from './codec.ts'

/** The header of a frame: what is encrypted (docs/formats/chunk.md 3). */
export interface FrameHeader {
  readonly compression: Compression
  /** Bytes of plaintext, at most `PLAINTEXT_BYTES`. */
  readonly size: number
  /** Bytes of the body that follows the header; padding follows the body. */
  readonly bodyLength: number
}

/** Chunks are written with `zstd`, objects with `deflate` (decision 0009); either is read in both. */
export type Compression = 'none' | 'deflate' | 'zstd'

/** The header's length in bytes. */
export const FRAME_HEADER = 16
/** A chunk is at most this long, so no frame needs to hold more; a reader reserves no more either. */
export const PLAINTEXT_BYTES = 16 * 1024 * 1024
/** Bytes of frame per AES-256-GCM segment, and of the tag behind each. */
export const SEGMENT = 256 * 1024
export const TAG = 16

const MAGIC = 'SHF1'
const COMPRESSIONS: readonly Compression[] = ['none', 'deflate', 'zstd']

/** The 16 bytes of `header`. */
export function encodeFrameHeader(header: FrameHeader): Bytes {
  const fits = Number.isInteger(header.size) && header.size >= 0 && header.size <= PLAINTEXT_BYTES
  const bodyFits = Number.isInteger(header.bodyLength) && header.bodyLength >= 0 && header.bodyLength < 2 ** 32
  if (!fits || !bodyFits) throw new AppError('bug', 'format.unencodable', 'a frame header does not fit its format')
  const numbers = new Uint8Array(8)
  const view = new DataView(numbers.buffer)
  view.setUint32(0, header.size)
  view.setUint32(4, header.bodyLength)
  return concat([utf8(MAGIC), Uint8Array.of(COMPRESSIONS.indexOf(header.compression), 0, 0, 0), numbers])
}

/**
 * The header of `frame` (16 bytes or more; the rest is not looked at), of a frame that is `frameLength` bytes in all.
 * Throws `invalid` `format.*` on every header that chunk.md 3 tells a reader to refuse.
 */
export function decodeFrameHeader(frame: Uint8Array, frameLength: number = frame.length): FrameHeader {
  if (frame.length < FRAME_HEADER || frameLength < FRAME_HEADER) throw malformed('format.short', 'shorter than a frame header')
  for (let i = 0; i < 4; i++) if (frame[i] !== MAGIC.charCodeAt(i)) throw malformed('format.magic', 'not a frame')
  const compression = COMPRESSIONS[frame[4] ?? -1]
  if (compression === undefined) throw malformed('format.range', 'unknown compression')
  if (frame[5] !== 0 || frame[6] !== 0 || frame[7] !== 0) throw malformed('format.range', 'reserved bytes are not 0')
  const view = new DataView(frame.buffer, frame.byteOffset, FRAME_HEADER)
  const size = view.getUint32(8)
  const bodyLength = view.getUint32(12)
  if (size > PLAINTEXT_BYTES) throw malformed('format.range', 'more plaintext than a frame may hold')
  if (bodyLength > frameLength - FRAME_HEADER) throw malformed('format.range', 'the body is longer than the frame')
  if (compression === 'none' && bodyLength !== size) throw malformed('format.mismatch', 'an uncompressed body of another length')
  return { compression, size, bodyLength }
}

/** Bytes of a frame of `frameLength` ≥ 1 once sealed: a tag for each segment. */
export function sealedLength(frameLength: number): number {
  return frameLength + TAG * Math.ceil(frameLength / SEGMENT)
}

/** Bytes of the frame in `length` sealed bytes. Throws `invalid` `format.short` when no frame has that sealed length. */
export function frameLengthOf(length: number): number {
  const segments = Math.ceil(length / (SEGMENT + TAG))
  const last = length - (segments - 1) * (SEGMENT + TAG)
  if (length <= TAG || last <= TAG) throw malformed('format.short', 'no frame has this sealed length')
  return length - segments * TAG
}
