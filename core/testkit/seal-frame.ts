import type { Bytes } from '../base/bytes.ts'
import type { Blake3 } from '../ports/blake3.ts'
import { buildFrame, frameBody, paddedLength, sealBuilt, type SealedFrame } from '../seal/frame.ts'

/** One frame as `sealChunk` makes it of a single plaintext, or padded to `padTo` bytes, with its length before sealing. */
export async function sealFrame(options: {
  readonly plaintext: Bytes
  readonly sealKey: Bytes
  readonly padTo?: number
  readonly blake3: Blake3
}): Promise<SealedFrame & { readonly frameLength: number }> {
  const body = await frameBody(options.plaintext)
  const frameLength = options.padTo ?? paddedLength(body)
  const sealed = await sealBuilt(buildFrame(body, frameLength), options.sealKey, options.blake3)
  return { ...sealed, frameLength }
}
