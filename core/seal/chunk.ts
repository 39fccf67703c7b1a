import { AppError, throwIfAborted } from '../base/errors.ts'
import { concat, type Bytes } from '../base/bytes.ts'
import type { Blake3 } from '../ports/blake3.ts'
import { SEGMENT, sealedLength, TAG } from '../formats/frame.ts'
import { bareLength, buildFrame, frameBody, paddedLength, sealBuilt, type FrameBody } from './frame.ts'
import { padme } from './padme.ts'

/** Where each frame of a sealed chunk lies and what opens it; `offset` and `length` in sealed bytes. */
export interface SealedPart {
  readonly offset: number
  readonly length: number
  readonly key: Bytes
}

export interface SealedChunk {
  readonly sealed: Bytes
  /** One per plaintext, in order. */
  readonly parts: readonly SealedPart[]
}

/** Seals one chunk (one plaintext) or a pack (several), docs/formats/chunk.md 3 and 4. Throws `aborted`. */
export async function sealChunk(
  plaintexts: readonly Bytes[],
  sealKey: Bytes,
  blake3: Blake3,
  options: { readonly signal?: AbortSignal } = {},
): Promise<SealedChunk> {
  if (plaintexts.length === 0) throw new AppError('bug', 'chunk.empty', 'a sealed chunk holds at least one frame')
  const bodies: FrameBody[] = []
  for (const plaintext of plaintexts) {
    throwIfAborted(options.signal)
    bodies.push(await frameBody(plaintext))
  }
  const lengths = frameLengths(bodies)
  const sealed: Bytes[] = []
  const parts: SealedPart[] = []
  let offset = 0
  for (const [i, body] of bodies.entries()) {
    throwIfAborted(options.signal)
    const one = await sealBuilt(buildFrame(body, lengths[i] ?? bareLength(body)), sealKey, blake3)
    parts.push({ offset, length: one.sealed.length, key: one.key })
    sealed.push(one.sealed)
    offset += one.sealed.length
  }
  return { sealed: sealed.length === 1 && sealed[0] !== undefined ? sealed[0] : concat(sealed), parts }
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
