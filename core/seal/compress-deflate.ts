import { concat, type Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'

/** DEFLATE expands at most 1032-fold, and some platforms inflate a whole write at once: 16 KiB in, 16 MiB waiting at most. */
const FEED = 16 * 1024

/** `plaintext` as raw DEFLATE (RFC 1951). */
export async function deflate(plaintext: Bytes): Promise<Bytes> {
  const result = await pump(new CompressionStream('deflate-raw'), plaintext, Infinity)
  if (result.kind !== 'whole') throw new AppError('bug', 'deflate.refused', 'the platform does not compress')
  return result.bytes
}

/**
 * The `size` bytes in raw DEFLATE `body`, or `undefined` when it holds more, or less, or is not DEFLATE. Stops one byte after `size`,
 * so a bomb costs no more than an honest body.
 */
export async function inflate(body: Bytes, size: number): Promise<Bytes | undefined> {
  const result = await pump(new DecompressionStream('deflate-raw'), body, size)
  return result.kind === 'whole' && result.bytes.length === size ? result.bytes : undefined
}

type Pumped = { readonly kind: 'whole'; readonly bytes: Bytes } | { readonly kind: 'longer' | 'malformed' }

/** All that comes out of `stream` when `input` goes in, unless that is more than `limit` bytes. */
async function pump(stream: CompressionStream | DecompressionStream, input: Bytes, limit: number): Promise<Pumped> {
  const reader = stream.readable.getReader()
  const feeding = feed(stream.writable, input)
  const drained = await drain(reader, limit)
  if (drained.kind === 'longer') await reader.cancel().catch(() => undefined)
  await feeding
  return drained
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>, limit: number): Promise<Pumped> {
  const parts: Bytes[] = []
  let length = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return { kind: 'whole', bytes: concat(parts) }
      length += value.length
      if (length > limit) return { kind: 'longer' }
      parts.push(value)
    }
  } catch {
    return { kind: 'malformed' }
  }
}

/** Settles when all was taken or the stream broke; the reader's side is where a break is seen. */
async function feed(writable: WritableStream<BufferSource>, input: Bytes): Promise<void> {
  const writer = writable.getWriter()
  try {
    for (let at = 0; at < input.length; at += FEED) {
      await writer.ready
      await writer.write(input.subarray(at, at + FEED))
    }
    await writer.close()
  } catch {
    await writer.abort().catch(() => undefined)
  }
}
