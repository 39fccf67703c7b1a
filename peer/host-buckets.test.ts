import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../core/base/bytes.ts'
import { bucketAt, bucketCid, bucketHash, bucketOf, hostHash, MAX_LEVEL, ROOT_BUCKET } from './host-buckets.ts'

const keys = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes))
const sha256 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

describe('host buckets', () => {
  it('the bucket of all hosts has the key that discovery.md gives it', async () => {
    expect(Buffer.from(await bucketHash(ROOT_BUCKET))).toEqual(sha256('shoal/1 host bucket', Uint8Array.of(0)))
    const cid = await bucketCid(ROOT_BUCKET)
    expect(Buffer.from(cid.multihash.digest)).toEqual(sha256('shoal/1 host bucket', Uint8Array.of(0)))
  })

  it('the prefix of a level is that many bits of the hash of the key, and zeros to the end of the byte', async () => {
    await fc.assert(
      fc.asyncProperty(keys, fc.integer({ min: 0, max: MAX_LEVEL }), async (key, level) => {
        const bits = [...sha256(fromHex(key))].map((byte) => byte.toString(2).padStart(8, '0')).join('')
        const { prefix } = bucketOf(await hostHash(key), level)
        const expected = bits.slice(0, level).padEnd(Math.ceil(level / 8) * 8, '0')
        expect([...prefix].map((byte) => byte.toString(2).padStart(8, '0')).join('')).toBe(expected)
      }),
      { numRuns: 50 },
    )
  })

  it('the first bits of the hash of a host, as a number, are the number of its bucket', async () => {
    await fc.assert(
      fc.asyncProperty(keys, fc.integer({ min: 0, max: MAX_LEVEL }), async (key, level) => {
        const hash = sha256(fromHex(key))
        expect(bucketAt(level, hash.readUInt16BE(0) >> (16 - level))).toEqual(bucketOf(await hostHash(key), level))
      }),
      { numRuns: 50 },
    )
  })

  it('no two buckets share a key', async () => {
    const hashes = new Set<string>()
    for (let level = 0; level < 6; level++) {
      for (let index = 0; index < 2 ** level; index++) hashes.add(toHex(await bucketHash(bucketAt(level, index))))
    }
    expect(hashes.size).toBe(63)
  })
})
