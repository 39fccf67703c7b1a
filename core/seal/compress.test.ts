import { Readable } from 'node:stream'
import { createDeflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, utf8, type Bytes } from '../base/bytes.ts'
import { deflate, inflate } from './compress.ts'

const random = (length: number): Bytes => new Uint8Array(randomBytes(length))
const wordy = (length: number): Bytes =>
  utf8(Array.from({ length: Math.ceil(length / 6) }, (_, i) => `word ${String(i % 97)} `).join('').slice(0, length))

/** Raw DEFLATE of so many MiB of zeros, made without holding them. */
async function zeros(mebibytes: number): Promise<Bytes> {
  const mebibyte = new Uint8Array(1024 * 1024)
  const parts: Uint8Array[] = []
  const all = Readable.from(Array.from({ length: mebibytes }, () => mebibyte)).pipe(createDeflateRaw())
  for await (const part of all) parts.push(part as Uint8Array)
  return concat(parts)
}

describe('deflate', () => {
  it('makes raw DEFLATE that another implementation reads, where that saves 1/16', async () => {
    for (const length of [100, 5_000, 70_000, 600_000]) {
      const deflated = await deflate(wordy(length))
      expect(deflated?.length).toBeLessThanOrEqual(length - length / 16)
      expect(new Uint8Array(inflateRawSync(deflated ?? new Uint8Array()))).toEqual(wordy(length))
    }
  })

  it('declines what does not shrink by 1/16, of any length', async () => {
    for (const length of [0, 1, 15, 1_000, 65_537, 300_000]) expect(await deflate(random(length))).toBeUndefined()
  })

  it('declines data that saves just less than 1/16 and takes data that saves just more', async () => {
    const mixed = (words: number): Bytes => concat([random(60_000 - words), new Uint8Array(words)])
    expect(await deflate(mixed(3_500))).toBeUndefined()
    expect((await deflate(mixed(5_000)))?.length).toBeLessThan(56_250)
  })

  it('finds text in the middle of a chunk that starts and ends with noise', async () => {
    const chunk = concat([random(40_000), wordy(400_000), random(40_000)])
    expect((await deflate(chunk))?.length).toBeLessThan(200_000)
  })
})

describe('inflate', () => {
  it('reads what another implementation deflated', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), async (bytes) => {
        expect(await inflate(new Uint8Array(deflateRawSync(bytes)), bytes.length)).toEqual(new Uint8Array(bytes))
      }),
      { numRuns: 40 },
    )
  })

  it('refuses a body that holds one byte more or less than promised', async () => {
    const body = new Uint8Array(deflateRawSync(wordy(5_000)))
    expect(await inflate(body, 4_999)).toBeUndefined()
    expect(await inflate(body, 5_001)).toBeUndefined()
    expect(await inflate(body, 5_000)).toEqual(wordy(5_000))
  })

  it('stops a bomb long before it is unpacked', async () => {
    const bomb = await zeros(256)
    expect(bomb.length).toBeLessThan(300_000)
    const before = process.resourceUsage().maxRSS
    expect(await inflate(bomb, 1_000)).toBeUndefined()
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(128 * 1024)
  })

  it('refuses a body that is cut, has bytes after its end, or is no DEFLATE', async () => {
    const body = new Uint8Array(deflateRawSync(wordy(5_000)))
    expect(await inflate(body.slice(0, -1), 5_000)).toBeUndefined()
    expect(await inflate(concat([body, Uint8Array.of(0)]), 5_000)).toBeUndefined()
    expect(await inflate(random(500), 5_000)).toBeUndefined()
    expect(await inflate(new Uint8Array(0), 0)).toBeUndefined()
    expect(await inflate(new Uint8Array(deflateRawSync(new Uint8Array(0))), 0)).toEqual(new Uint8Array(0))
  })
})
