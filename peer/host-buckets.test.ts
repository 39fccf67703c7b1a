import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../core/base/bytes.ts'
import { bucketCid, bucketHash, bucketOf, childOf, MAX_LEVEL, ROOT_BUCKET, type Bucket } from './host-buckets.ts'

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
        const { prefix } = await bucketOf(key, level)
        const expected = bits.slice(0, level).padEnd(Math.ceil(level / 8) * 8, '0')
        expect([...prefix].map((byte) => byte.toString(2).padStart(8, '0')).join('')).toBe(expected)
      }),
      { numRuns: 50 },
    )
  })

  it('a walk by the bits of a host ends in its bucket', async () => {
    await fc.assert(
      fc.asyncProperty(keys, async (key) => {
        const hash = sha256(fromHex(key))
        let bucket: Bucket = ROOT_BUCKET
        for (let level = 0; level < MAX_LEVEL; level++) bucket = childOf(bucket, ((hash[level >> 3]! >> (7 - (level & 7))) & 1) as 0 | 1)
        expect(bucket).toEqual(await bucketOf(key, MAX_LEVEL))
      }),
      { numRuns: 50 },
    )
  })

  it('no two buckets share a key', async () => {
    const hashes = new Set<string>()
    let row: Bucket[] = [ROOT_BUCKET]
    for (let level = 0; level < 6; level++) {
      for (const bucket of row) hashes.add(toHex(await bucketHash(bucket)))
      row = row.flatMap((bucket) => [childOf(bucket, 0), childOf(bucket, 1)])
    }
    expect(hashes.size).toBe(63)
  })
})
