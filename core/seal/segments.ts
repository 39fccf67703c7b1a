import { atOnce } from '../base/at-once.ts'
import { AppError } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import type { ByteView } from '../base/joined.ts'
import { frameLengthOf, SEGMENT, sealedLength, TAG } from '../formats/frame.ts'
import { opener, sealer } from './aes-gcm.ts'

// The STREAM construction over AES-256-GCM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its
// Nonce-Reuse Misuse-Resistance", CRYPTO 2015), laid out as docs/formats/chunk.md 3 says.

/** Segments under way at once: enough to keep the platform's cipher threads busy, 2 MiB of buffers at most. */
const AT_ONCE = 8
const SEALED_SEGMENT = SEGMENT + TAG

/** Seals `frame` into `into`, which has room for its sealed length. A key must have sealed nothing before: its nonces are the same for every frame. */
export async function sealSegments(frame: ByteView, key: Bytes, into: Bytes = new Uint8Array(sealedLength(frame.length))): Promise<Bytes> {
  const seal = await sealer(key)
  const count = Math.ceil(frame.length / SEGMENT)
  await atOnce(AT_ONCE, count, async (i) => {
    const part = frame.subarray(i * SEGMENT, (i + 1) * SEGMENT)
    into.set(await seal(nonce(i, i === count - 1), part), i * SEALED_SEGMENT)
  })
  return into
}

/** Some whole segments of a sealed frame. */
export interface SegmentRun {
  readonly bytes: ByteView
  /** Index of its first segment. */
  readonly first: number
  /** Sealed length of the whole frame: it says which segment is the last. */
  readonly length: number
}

/**
 * The part of the frame that lies in a run of segments. Throws `corrupt` `chunk.damaged` when anything was changed, moved, cut or added,
 * or the key is another; `invalid` `format.*` when the run cannot be one.
 */
export async function openSegments(run: SegmentRun, key: Bytes): Promise<Bytes> {
  const count = Math.ceil(frameLengthOf(run.length) / SEGMENT)
  const parts = Math.ceil(run.bytes.length / SEALED_SEGMENT)
  const end = Math.min((run.first + parts) * SEALED_SEGMENT, run.length)
  if (!(run.first >= 0) || parts < 1 || end - run.first * SEALED_SEGMENT !== run.bytes.length) {
    throw new AppError('invalid', 'format.range', 'not a run of whole segments of this frame')
  }
  const open = await opener(key)
  const frame = new Uint8Array(run.bytes.length - parts * TAG)
  await atOnce(AT_ONCE, parts, async (i) => {
    const index = run.first + i
    const box = run.bytes.subarray(i * SEALED_SEGMENT, (i + 1) * SEALED_SEGMENT)
    const part = await open(nonce(index, index === count - 1), box)
    if (part === undefined) throw new AppError('corrupt', 'chunk.damaged', 'a segment does not open', { data: { segment: index } })
    frame.set(part, i * SEGMENT)
  })
  return frame
}

/** The whole segments that hold `length` ≥ 1 bytes of the frame from `offset`: where in the sealed frame they lie. */
export function segmentsAround(offset: number, length: number, sealed: number): { first: number; offset: number; length: number } {
  const first = Math.floor(offset / SEGMENT)
  const last = Math.floor((offset + length - 1) / SEGMENT)
  const end = Math.min((last + 1) * SEALED_SEGMENT, sealed)
  return { first, offset: first * SEALED_SEGMENT, length: end - first * SEALED_SEGMENT }
}

/** 7 zero bytes, the segment's index, 1 when it is the last. */
function nonce(index: number, last: boolean): Bytes {
  const bytes = new Uint8Array(12)
  new DataView(bytes.buffer).setUint32(7, index)
  bytes[11] = last ? 1 : 0
  return bytes
}
