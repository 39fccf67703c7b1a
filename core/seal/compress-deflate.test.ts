import { Readable } from 'node:stream'
import { createDeflateRaw, deflateRawSync } from 'node:zlib'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, utf8, type Bytes } from '../base/bytes.ts'
import { inflate } from './compress-deflate.ts'

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
