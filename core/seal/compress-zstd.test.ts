import { randomBytes } from 'node:crypto'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { Zstd } from '@hpcc-js/wasm-zstd'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { concat, fromHex, type Bytes } from '../base/bytes.ts'
import { PLAINTEXT_BYTES } from '../formats/frame.ts'
import { unzstd, zstd } from './compress-zstd.ts'

const MIB = 1024 * 1024
const random = (length: number): Bytes => new Uint8Array(randomBytes(length))
const half = (length: number): Bytes => concat([random(length >> 1), new Uint8Array(length - (length >> 1))])
const zeros = (length: number): Bytes => new Uint8Array(length)
/** A frame of the libzstd in Node. */
const foreign = (bytes: Uint8Array, params: Record<number, number> = {}): Bytes => new Uint8Array(zstdCompressSync(bytes, { params }))

/** What the codec works in: the tests look at its memory, and break it. */
interface Heap {
  readonly HEAPU8: Uint8Array
  _malloc(length: number): number
}
async function heap(): Promise<Heap> {
  return ((await Zstd.load()) as unknown as { _mainModule: { _module: Heap } })._mainModule._module
}

async function roundTrip(plaintext: Bytes): Promise<void> {
  const body = await zstd(plaintext)
  expect(Buffer.compare(zstdDecompressSync(body), plaintext)).toBe(0)
  expect(Buffer.compare((await unzstd(body, plaintext.length)) ?? random(1), plaintext)).toBe(0)
}

describe('zstd', () => {
  it('goes there and back for every size around an edge of the format', async () => {
    for (const edge of [1, 256, 65_536 + 256, 128 * 1024, 512 * 1024]) {
      for (const length of [edge - 1, edge, edge + 1]) {
        await roundTrip(random(length))
        await roundTrip(half(length))
        await roundTrip(zeros(length))
      }
    }
  })

  it('goes there and back for the largest chunk there is', async () => {
    for (const make of [random, half, zeros]) await roundTrip(make(PLAINTEXT_BYTES))
  })

  it('gives equal frames for equal bytes, whatever came before', async () => {
    const plaintext = half(100_000)
    const first = await zstd(plaintext)
    await zstd(half(3 * MIB))
    expect(await zstd(plaintext)).toEqual(first)
  })
})

describe.each([['the library', true], ['plain JavaScript, where there is no SIMD', false]])('unzstd by %s', (_, withLibrary) => {
  const open = (body: Bytes, size: number): Promise<Bytes | undefined> => unzstd(body, size, withLibrary)

  it('reads what another implementation compressed, at any level, with a checksum or without', async () => {
    const params = fc.record({ level: fc.integer({ min: -5, max: 19 }), checksum: fc.integer({ min: 0, max: 1 }) })
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), params, async (bytes, { level, checksum }) => {
        const body = foreign(bytes, { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: checksum })
        expect(await open(body, bytes.length)).toEqual(new Uint8Array(bytes))
      }),
      { numRuns: 60 },
    )
  })

  it('refuses a frame that states another size than promised, or none', async () => {
    const plaintext = half(5_000)
    const body = await zstd(plaintext)
    expect(await open(body, 4_999)).toBeUndefined()
    expect(await open(body, 5_001)).toBeUndefined()
    expect(await open(body, 5_000)).toEqual(plaintext)
    expect(await open(foreign(plaintext, { [constants.ZSTD_c_contentSizeFlag]: 0 }), 5_000)).toBeUndefined()
  })

  it('refuses a frame whose header lies about what follows, bombs among them, in the room of an honest one', async () => {
    const bomb = foreign(zeros(256 * MIB))
    expect(bomb.length).toBeLessThan(32 * 1024)
    expect(bomb[4]! >> 6).toBe(2)
    for (const claim of [1_000, 128 * 1024, PLAINTEXT_BYTES]) {
      const lie = new Uint8Array(bomb)
      new DataView(lie.buffer).setUint32((lie[4]! >> 5) & 1 ? 5 : 6, claim, true)
      const got = await open(lie, claim)
      // Plain JavaScript gives the beginning of what is too long; the plaintext hash tells.
      expect(withLibrary ? [undefined] : [undefined, claim]).toContain(got?.length)
    }
    expect((await heap()).HEAPU8.length).toBeLessThanOrEqual(64 * MIB)
    expect(await open(bomb, PLAINTEXT_BYTES)).toBeUndefined()
  })

  it('refuses what is cut, goes on after its end, is two frames, begins with a frame to skip, wants a dictionary, or is no frame', async () => {
    const body = await zstd(half(5_000))
    const wantsDictionary = concat([body.slice(0, 4), Uint8Array.of(body[4]! | 1), body.slice(5, 6), Uint8Array.of(7), body.slice(6)])
    const wrong = [
      body.slice(0, -1),
      concat([body, zeros(1)]),
      concat([body, await zstd(zeros(0))]),
      concat([fromHex('502a4d1800000000'), body]),
      wantsDictionary,
      new Uint8Array(body).fill(body[4]! | 8, 4, 5),
      random(500),
      body.slice(0, 4),
      zeros(0),
    ]
    for (const one of wrong) expect(await open(one, 5_000)).toBeUndefined()
  })

  it('gives no more and no less than was promised, whatever was done to a body, and stays usable', async () => {
    const plaintext = half(2_000)
    const body = await zstd(plaintext)
    const change = fc.record({ at: fc.nat(body.length - 1), to: fc.nat(255) })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat(3), async (changes, cut) => {
        const changed = body.slice(0, body.length - cut)
        for (const { at, to } of changes) changed[at % changed.length] = to
        const got = await open(changed, plaintext.length)
        if (got !== undefined) expect(got.length).toBe(plaintext.length)
        expect(await open(body, plaintext.length)).toEqual(plaintext)
      }),
      { numRuns: 1_500 },
    )
  })

  it('survives any bytes behind an honest header', async () => {
    const header = (await zstd(zeros(60_000))).slice(0, 8)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (rest) => {
        const got = await open(concat([header, new Uint8Array(rest)]), 60_000)
        if (got !== undefined) expect(got.length).toBe(60_000)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('the memory of the codec', () => {
  it('is bounded by the largest chunk and does not grow with use', async () => {
    const large = half(PLAINTEXT_BYTES)
    const body = await zstd(large)
    await unzstd(body, large.length)
    const after = (await heap()).HEAPU8.length
    expect(after).toBeLessThanOrEqual(64 * MIB)
    for (let i = 0; i < 300; i++) {
      const small = half(1 + i * 997)
      const made = await zstd(small)
      await unzstd(made, small.length)
      await unzstd(made.slice(0, -1), small.length)
      if (i % 60 === 0) await unzstd(await zstd(large), large.length)
    }
    expect((await heap()).HEAPU8.length).toBe(after)
  })

  it('is made anew after libzstd broke over a body', async () => {
    const body = await zstd(zeros(1_000))
    const broken = await heap()
    vi.spyOn(broken, '_malloc').mockImplementation(() => {
      throw new Error('unreachable')
    })
    expect(await unzstd(body, 1_000)).toBeUndefined()
    expect(await unzstd(body, 1_000)).toEqual(zeros(1_000))
    expect(await heap()).not.toBe(broken)
  })

  it('is no reason to call a body damaged when there is none, or no codec', async () => {
    const unavailable = { kind: 'transient', code: 'zstd.unavailable' }
    const body = await zstd(zeros(1_000))
    vi.spyOn(await heap(), '_malloc').mockReturnValue(0)
    await expect(unzstd(body, 1_000)).rejects.toMatchObject(unavailable)
    vi.spyOn(Zstd, 'load').mockRejectedValueOnce(new Error('no'))
    await expect(unzstd(body, 1_000)).rejects.toMatchObject(unavailable)
    expect(await unzstd(body, 1_000)).toEqual(zeros(1_000))
  })
})
