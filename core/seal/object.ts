import { AppError, isAppError } from '../base/errors.ts'
import { concat, equal, type Bytes } from '../base/bytes.ts'
import type { Blake3 } from '../ports/blake3.ts'
import { OBJECT_BYTES } from '../formats/tree-node.ts'
import { buildFrame, frameBody, frameKey, paddedLength, readFrame } from './frame.ts'
import { openSegments, sealSegments } from './segments.ts'

/** Bytes of the tag before the sealed frame. */
const TAG = 32

/** A sealed object (docs/formats/objects.md 1): kept whole, found by its name. */
export interface SealedObject {
  /** BLAKE3 of `bytes`. */
  readonly name: Bytes
  readonly bytes: Bytes
}

/** Seals a small structure. Throws `invalid` `object.large` when it would be over 64 KiB. */
export async function sealObject(plaintext: Bytes, objectKey: Bytes, blake3: Blake3): Promise<SealedObject> {
  // The peer itself seals and opens objects: it is not to load the library for what is small, and mostly hashes.
  const body = await frameBody(plaintext, 'deflate')
  const length = paddedLength(body)
  const frame = buildFrame(body, length).subarray(0, length)
  // Keyed, because it stands in the open: whoever keeps the object could test guesses of it against a bare hash.
  const tag = blake3.keyed(objectKey, frame)
  const bytes = concat([tag, await sealSegments(frame, await frameKey(objectKey, tag))])
  if (bytes.length > OBJECT_BYTES) {
    throw new AppError('invalid', 'object.large', 'an object is over 64 KiB', { data: { length: bytes.length } })
  }
  return { name: blake3.hash(bytes), bytes }
}

/**
 * The structure in a sealed object. With `name` the bytes must hash to it.
 * Throws `corrupt` `object.damaged` (cause: what is wrong) when it was changed, cut, lies about itself or has another key.
 */
export async function openObject(
  bytes: Bytes,
  objectKey: Bytes,
  blake3: Blake3,
  options: { readonly name?: Uint8Array } = {},
): Promise<Bytes> {
  if (bytes.length > OBJECT_BYTES || bytes.length <= TAG) throw damaged('no object has this length')
  if (options.name !== undefined && !equal(blake3.hash(bytes), options.name)) throw damaged('not the object of this name')
  const tag = bytes.slice(0, TAG)
  const sealed = bytes.slice(TAG)
  const key = await frameKey(objectKey, tag)
  try {
    const frame = await openSegments({ bytes: sealed, first: 0, length: sealed.length }, key)
    if (!equal(blake3.keyed(objectKey, frame), tag)) throw damaged('another frame than its tag says')
    return await readFrame(frame)
  } catch (cause) {
    if (!isAppError(cause, 'corrupt') && !isAppError(cause, 'invalid')) throw cause
    throw damaged('does not open', cause)
  }
}

/** Object key of a tree node: derived from its own encoding, so the seal key never stands in a node (docs/formats/objects.md 3). */
export function childKey(encodedNode: Uint8Array, sealKey: Bytes, blake3: Blake3): Bytes {
  return blake3.keyed(sealKey, encodedNode)
}

function damaged(message: string, cause?: unknown): AppError {
  return new AppError('corrupt', 'object.damaged', message, cause === undefined ? {} : { cause })
}
