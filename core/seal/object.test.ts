import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, toHex, type Bytes } from '../base/bytes.ts'
import { nobleBlake3 } from '../testkit/noble-blake3.ts'
import { frameBody, frameKey, paddedLength } from './frame.ts'
import { childKey, openObject, sealObject } from './object.ts'
import { wholeFrame } from '../testkit/seal-frame.ts'
import { sealSegments } from './segments.ts'
import { encodeFrameHeader } from '../formats/frame.ts'

const blake3 = nobleBlake3()
const key = new Uint8Array(32).fill(5)
const damaged = { kind: 'corrupt', code: 'object.damaged' }

describe('a sealed object', () => {
  it('opens to what was sealed, with or without its name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), async (plaintext) => {
        const { name, bytes } = await sealObject(new Uint8Array(plaintext), key, blake3)
        expect(name).toEqual(blake3.hash(bytes))
        expect(await openObject(bytes, key, blake3)).toEqual(new Uint8Array(plaintext))
        expect(await openObject(bytes, key, blake3, { name })).toEqual(new Uint8Array(plaintext))
      }),
      { numRuns: 30 },
    )
  })

  it('has a new frame key for each change under the same object key', async () => {
    const first = await sealObject(Uint8Array.of(1), key, blake3)
    const second = await sealObject(Uint8Array.of(2), key, blake3)
    expect(toHex(first.bytes.subarray(0, 32))).not.toBe(toHex(second.bytes.subarray(0, 32)))
  })

  it('notices a flipped bit anywhere, its tag included', async () => {
    const { bytes } = await sealObject(new Uint8Array(20), key, blake3)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = new Uint8Array(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      await expect(openObject(flipped, key, blake3)).rejects.toMatchObject(damaged)
    }
  })

  it('notices truncation, another key, another name', async () => {
    const { bytes, name } = await sealObject(new Uint8Array(20), key, blake3)
    for (let end = 0; end < bytes.length; end++) {
      await expect(openObject(bytes.slice(0, end), key, blake3)).rejects.toMatchObject(damaged)
    }
    await expect(openObject(bytes, new Uint8Array(32), blake3)).rejects.toMatchObject(damaged)
    await expect(openObject(bytes, key, blake3, { name: blake3.hash(name) })).rejects.toMatchObject(damaged)
  })

  it('shows nothing that a guess of its contents can be tested against without the object key', async () => {
    const plaintext = Uint8Array.of(7, 3, 9, 1)
    const body = await frameBody(plaintext)
    const frame = wholeFrame(body, paddedLength(body))
    const { bytes } = await sealObject(plaintext, key, blake3)
    const shown = toHex(bytes)
    for (const guess of [blake3.hash(frame), blake3.hash(plaintext)]) expect(shown).not.toContain(toHex(guess))
    const other = await sealObject(plaintext, new Uint8Array(32), blake3)
    expect(toHex(other.bytes.subarray(0, 32))).not.toBe(toHex(bytes.subarray(0, 32)))
  })

  it('is refused when its frame has another tag than it says, although it opens', async () => {
    const frame = concat([encodeFrameHeader({ compression: 'none', size: 1, bodyLength: 1 }), Uint8Array.of(1)])
    const sealedUnder = async (tag: Bytes): Promise<Bytes> => concat([tag, await sealSegments(frame, await frameKey(key, tag))])
    // Sealed under the key of a made-up tag: only who knows the object key can do that.
    for (const lie of [new Uint8Array(32).fill(1), blake3.hash(frame)]) {
      await expect(openObject(await sealedUnder(lie), key, blake3)).rejects.toMatchObject(damaged)
    }
    expect(await openObject(await sealedUnder(blake3.keyed(key, frame)), key, blake3)).toEqual(Uint8Array.of(1))
  })

  it('is at most 64 KiB long, sealed or opened', async () => {
    await expect(sealObject(new Uint8Array(randomBytes(66_000)), key, blake3)).rejects.toMatchObject({ code: 'object.large' })
    await expect(openObject(new Uint8Array(65_537), key, blake3)).rejects.toMatchObject(damaged)
    const { bytes } = await sealObject(new Uint8Array(randomBytes(48 * 1024)), key, blake3)
    expect(bytes.length).toBeLessThanOrEqual(64 * 1024)
  })

  it('of a tree node has a key that is the keyed hash of the node', () => {
    const node = Uint8Array.of(1, 2, 3)
    expect(childKey(node, key, blake3)).toEqual(blake3.keyed(key, node))
    expect(toHex(childKey(node, key, blake3))).not.toBe(toHex(childKey(Uint8Array.of(1, 2, 4), key, blake3)))
  })
})
