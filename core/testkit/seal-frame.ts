import type { Bytes } from '../base/bytes.ts'
import { FRAME_HEADER } from '../formats/frame.ts'
import type { Blake3 } from '../ports/blake3.ts'
import { buildFrame, chunkFrameKey, frameBody, paddedLength, type FrameBody } from '../seal/frame.ts'
import { sealSegments } from '../seal/segments.ts'

/** A sealed frame and what opens it. */
export interface KeyedFrame {
  readonly sealed: Bytes
  /** AES-256-GCM key, 32 bytes. */
  readonly key: Bytes
}

/** All bytes of a frame. */
export function wholeFrame(body: FrameBody, length: number): Bytes {
  return buildFrame(body, length).subarray(0, length)
}

/** Any bytes, sealed as a frame. */
export async function sealBuilt(frame: Bytes, sealKey: Bytes, blake3: Blake3): Promise<KeyedFrame> {
  const bodyLength = frame.length < FRAME_HEADER ? 0 : new DataView(frame.buffer, frame.byteOffset).getUint32(12)
  const key = await chunkFrameKey(frame, blake3.hash(frame.subarray(FRAME_HEADER, FRAME_HEADER + bodyLength)), sealKey, blake3)
  return { sealed: await sealSegments(frame, key), key }
}

/** One frame as `sealChunk` makes it of a single plaintext, or padded to `padTo` bytes, with its length before sealing. */
export async function sealFrame(options: {
  readonly plaintext: Bytes
  readonly sealKey: Bytes
  readonly padTo?: number
  readonly blake3: Blake3
}): Promise<KeyedFrame & { readonly frameLength: number }> {
  const body = await frameBody(options.plaintext)
  const frameLength = options.padTo ?? paddedLength(body)
  const sealed = await sealBuilt(wholeFrame(body, frameLength), options.sealKey, options.blake3)
  return { ...sealed, frameLength }
}
