import { readFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { concat, utf8, type Bytes } from '../base/bytes.ts'
import { compress, decompress } from './compress.ts'

const random = (length: number): Bytes => new Uint8Array(randomBytes(length))
const wordy = (length: number): Bytes =>
  utf8(Array.from({ length: Math.ceil(length / 6) }, (_, i) => `word ${String(i % 97)} `).join('').slice(0, length))

describe('compress', () => {
  it('makes Zstandard that another implementation reads, where that saves 1/16', async () => {
    for (const length of [100, 5_000, 70_000, 600_000]) {
      const body = await compress(wordy(length), 'zstd')
      expect(body?.length).toBeLessThanOrEqual(length - length / 16)
      expect(new Uint8Array(zstdDecompressSync(body ?? new Uint8Array()))).toEqual(wordy(length))
    }
  })

  it('halves source text and JSON', async () => {
    const text = new Uint8Array(readFileSync(new URL('compress-zstd.ts', import.meta.url)))
    const json = utf8(JSON.stringify(Array.from({ length: 500 }, (_, i) => ({ id: i, name: `file ${String(i * 7919)}`, size: i * 104_729 }))))
    for (const plaintext of [text, json]) expect((await compress(plaintext, 'zstd'))?.length).toBeLessThan(plaintext.length / 2)
  })

  it('declines random data of any length', async () => {
    for (const length of [0, 1, 15, 1_000, 4_095, 4_096, 65_537, 300_000]) expect(await compress(random(length), 'zstd')).toBeUndefined()
  })

  it('declines data that saves just less than 1/16 and takes data that saves just more', async () => {
    const mixed = (zeros: number): Bytes => concat([random(60_000 - zeros), new Uint8Array(zeros)])
    expect(await compress(mixed(3_500), 'zstd')).toBeUndefined()
    expect((await compress(mixed(5_000), 'zstd'))?.length).toBeLessThan(56_250)
  })

  it('finds text in the middle of a chunk that starts and ends with noise', async () => {
    const chunk = concat([random(40_000), wordy(400_000), random(40_000)])
    expect((await compress(chunk, 'zstd'))?.length).toBeLessThan(200_000)
  })
})

describe('decompress', () => {
  it('reads bodies of both kinds, and neither as the other', async () => {
    const plaintext = wordy(3_000)
    const zstd = (await compress(plaintext, 'zstd')) ?? new Uint8Array()
    const deflate = (await compress(plaintext, 'deflate')) ?? new Uint8Array()
    expect(new Uint8Array(inflateRawSync(deflate))).toEqual(plaintext)
    expect(await decompress(zstd, 'zstd', 3_000)).toEqual(plaintext)
    expect(await decompress(deflate, 'deflate', 3_000)).toEqual(plaintext)
    expect(await decompress(deflate, 'zstd', 3_000)).toBeUndefined()
    expect(await decompress(zstd, 'deflate', 3_000)).toBeUndefined()
  })
})
