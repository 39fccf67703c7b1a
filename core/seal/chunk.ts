import { atOnce } from '../base/at-once.ts'
import { AppError, throwIfAborted } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import type { Blake3 } from '../ports/blake3.ts'
import { SEGMENT, sealedLength, TAG } from '../formats/frame.ts'
import { bareLength, buildFrame, chunkFrameKey, frameBody, paddedLength, type FrameBody } from './frame.ts'
import { sealSegments } from './segments.ts'
import { padme } from './padme.ts'

/** Frames of a pack under way at once: most of their time they wait for the platform's cipher. */
const FRAMES_AT_ONCE = 32

/** What is to be sealed: its bytes and their BLAKE3 hash. */
export interface Plaintext {
  readonly bytes: Bytes
  readonly hash: Bytes
}

/** Where each frame of a sealed chunk lies and what opens it; `offset` and `length` in sealed bytes. */
export interface SealedPart {
  readonly offset: number
  readonly length: number
  readonly key: Bytes
  /** Bytes of plaintext in it, compressed where that pays. */
  readonly body: number
}

export interface SealedChunk {
  readonly sealed: Bytes
  /** One per plaintext, in order. */
  readonly parts: readonly SealedPart[]
}

export interface SealOptions {
  readonly signal?: AbortSignal
  /** Gives memory for a sealed chunk of `length` bytes, as many or more. New memory else. */
  readonly memory?: (length: number) => Bytes
}

/** Seals one chunk (one plaintext) or a pack (several), docs/formats/chunk.md 3 and 4. Throws `aborted`. */
export async function sealChunk(plaintexts: readonly Plaintext[], sealKey: Bytes, blake3: Blake3, options: SealOptions = {}): Promise<SealedChunk> {
  if (plaintexts.length === 0) throw new AppError('bug', 'chunk.empty', 'a sealed chunk holds at least one frame')
  const bodies: FrameBody[] = []
  for (const { bytes } of plaintexts) {
    throwIfAborted(options.signal)
    bodies.push(await frameBody(bytes))
  }
  const places = placesOf(frameLengths(bodies))
  const total = places.reduce((sum, { length }) => sum + length, 0)
  const sealed = options.memory?.(total).subarray(0, total) ?? new Uint8Array(total)
  const parts: SealedPart[] = []
  await atOnce(FRAMES_AT_ONCE, bodies.length, async (i) => {
    throwIfAborted(options.signal)
    const [plaintext, body, place] = [plaintexts[i], bodies[i], places[i]]
    if (plaintext === undefined || body === undefined || place === undefined) throw new AppError('bug', 'chunk.empty', 'a frame without its place')
    const { offset, length } = place
    const frame = buildFrame(body, place.frame)
    const key = await chunkFrameKey(frame, body.compression === 'none' ? plaintext.hash : blake3.hash(body.bytes), sealKey, blake3)
    await sealSegments(frame, key, sealed.subarray(offset, offset + length))
    parts[i] = { offset, length, key, body: body.bytes.length }
  })
  return { sealed, parts }
}

/** Where frames of these lengths lie once they are sealed, and how long each is before and then. */
function placesOf(frames: readonly number[]): { readonly frame: number; readonly offset: number; readonly length: number }[] {
  let next = 0
  return frames.map((frame) => {
    const offset = next
    const length = sealedLength(frame)
    next += length
    return { frame, offset, length }
  })
}

/** Bytes of each frame: a chunk's is padded alone; in a pack only the last one is, for all of them. */
export function frameLengths(bodies: readonly FrameBody[]): number[] {
  const lengths = bodies.map(bareLength)
  const last = bodies.at(-1)
  if (last === undefined) return lengths
  lengths[lengths.length - 1] = bodies.length === 1 ? paddedLength(last) : lastLength(lengths)
  return lengths
}

/** The least length of the last frame that brings the pack to the padded sum of its sealed lengths. */
function lastLength(bare: readonly number[]): number {
  const sealed = bare.map(sealedLength)
  const sum = sealed.reduce((all, one) => all + one, 0)
  const room = padme(sum) - (sum - (sealed.at(-1) ?? 0))
  return Math.max(bare.at(-1) ?? 0, leastFrame(room))
}

/** The shortest frame whose sealed length is `sealed` or more. A length that no frame has falls to the next segment's first byte. */
function leastFrame(sealed: number): number {
  const whole = Math.floor(sealed / (SEGMENT + TAG))
  const rest = sealed - whole * (SEGMENT + TAG)
  if (rest === 0) return whole * SEGMENT
  return whole * SEGMENT + Math.max(1, rest - TAG)
}
