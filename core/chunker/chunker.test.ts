import { blake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex } from '../base/bytes.ts'
import { BUILDS, type Build } from '../base/wasm.ts'
import { CHUNK_LIMITS, loadChunker, type Chunker, type ChunkerLimits, type KeyedHash } from './chunker.ts'
import { slowChunks, slowRabin } from './reference.ts'
import vectors from './vectors/cuts.json' with { type: 'json' }

const prf: KeyedHash = { keyed: (key, bytes) => blake3(bytes, { key }) }
const key = Uint8Array.from({ length: 32 }, (_, i) => i)

/** Bytes of a xorshift32 sequence. */
function noise(length: number, seed = 0x53484f41): Uint8Array {
  let x = seed
  return Uint8Array.from({ length }, () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return x & 255
  })
}

/** The lengths of all chunks of a whole file. */
function chunks(chunker: Chunker, file: Uint8Array, cutKey = key): number[] {
  const lengths: number[] = []
  for (let start = 0; start < file.length; start += lengths.at(-1) ?? 0) {
    lengths.push(chunker.cut(file.subarray(start), cutKey, true) ?? 0)
  }
  return lengths
}

const limits = fc
  .record({
    min: fc.integer({ min: 64, max: 300 }),
    more: fc.integer({ min: 0, max: 2000 }),
    proposalBits: fc.integer({ min: 1, max: 6 }),
    oneOf: fc.integer({ min: 1, max: 8 }),
  })
  .map(({ min, more, proposalBits, oneOf }) => ({ min, max: min + more, proposalBits, oneOf }))

const parts = fc.oneof(
  fc.uint8Array({ maxLength: 1000 }),
  fc.tuple(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.nat({ max: 3000 })).map(([seed, length]) => noise(length, seed)),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat({ max: 30 })).map(([part, times]) => concat(Array<Uint8Array>(times).fill(part))),
)

const files = fc.array(parts, { maxLength: 4 }).map((some) => concat(some).subarray(0, 3000))

describe.each(BUILDS)('cuts of the %s build', (best) => {
  test('are those of the definition, on random and on repeating data, for one key after another', async () => {
    await fc.assert(
      fc.asyncProperty(files, limits, fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 1, maxLength: 3 }), async (file, some, cutKeys) => {
        const chunker = await loadChunker(prf, { limits: some, best })
        for (const cutKey of cutKeys) expect(chunks(chunker, file, cutKey)).toEqual(slowChunks(file, cutKey, some, prf))
      }),
      { numRuns: 60 },
    )
  })

  test('need all of the low bits asked for, however many', async () => {
    const file = noise(2000)
    // The last 4 bytes of a window make up for what the 60 before them leave.
    const rest = Number(slowRabin(concat([file.subarray(-60), new Uint8Array(4)])) & 0xffffffffn)
    const endingIn = (bits: number): Uint8Array => concat([file, Uint8Array.of(24, 16, 8, 0).map((shift) => (rest ^ bits) >>> shift), noise(100, 3)])
    for (let proposalBits = 13; proposalBits <= 32; proposalBits++) {
      const chunker = await loadChunker(prf, { limits: { min: 1950, max: 2100, proposalBits, oneOf: 1 }, best })
      expect(chunks(chunker, endingIn(-1))).toEqual([2004, 100])
      expect(chunks(chunker, endingIn(~(1 << (proposalBits - 1))))).toEqual([2100, 4])
    }
  })

  test('are found right after data that repeats itself', async () => {
    const some: ChunkerLimits = { min: 64, max: 1000, proposalBits: 2, oneOf: 3 }
    const chunker = await loadChunker(prf, { limits: some, best })
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 3 }), fc.integer({ min: 80, max: 200 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }), (part, length, seed) => {
        const repeated = Uint8Array.from({ length }, (_, i) => part[i % part.length] ?? 0)
        const file = concat([repeated, noise(50, seed)])
        expect(chunks(chunker, file)).toEqual(slowChunks(file, key, some, prf))
      }),
      { numRuns: 300 },
    )
  })

  test('are those of an independent program, for the limits of the format', async () => {
    const chunker = await loadChunker(prf, { best })
    const file = noise(vectors.size)
    for (const { cutKey, lengths } of vectors.cases) expect(chunks(chunker, file, fromHex(cutKey))).toEqual(lengths)
  })

  test('are found at the edges of the segments that the kernel takes at once, and of the lanes that it searches side by side', async () => {
    const chunker = await loadChunker(prf, { limits: { min: 64, max: 2 ** 20, proposalBits: 16, oneOf: 1 }, best })
    const file = noise(300_000)
    const cut = chunker.cut(file, key, true) ?? 0
    const window = file.subarray(cut - 64, cut + 10)
    // A lane has 4,160 positions and a segment 16 lanes; the first tests positions from 64 on.
    const edges = [4160, 2 * 4160, 15 * 4160, 16 * 4160, 17 * 4160, 32 * 4160].flatMap((edge) => [edge, edge + 63, edge + 64, edge + 65])
    for (const position of [128, 129, ...edges]) {
      expect(chunker.cut(concat([new Uint8Array(position - 64), window]), key, true)).toBe(position)
    }
  })

  test('need no more bytes than those before them, however the bytes arrive', async () => {
    const some: ChunkerLimits = { min: 100, max: 4000, proposalBits: 4, oneOf: 40 }
    const chunker = await loadChunker(prf, { limits: some, best })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 700 }), (seed, step) => {
        const file = noise(5000, seed)
        let scanned = 0
        let found: number | undefined
        while (found === undefined) {
          const seen = Math.min(scanned + step, file.length)
          found = chunker.cut(file.subarray(0, seen), key, seen === file.length, scanned)
          expect(found).toBe(chunker.cut(file.subarray(0, seen), key, seen === file.length))
          scanned = seen
        }
        expect(found).toBe(chunker.cut(file, key, true))
      }),
    )
  })

  test('are found in the first bytes in which they can be, and never in fewer', async () => {
    const some: ChunkerLimits = { min: 100, max: 1000, proposalBits: 3, oneOf: 20 }
    const chunker = await loadChunker(prf, { limits: some, best })
    for (let seed = 1; seed <= 20; seed++) {
      const file = noise(1500, seed)
      const [end = 0] = slowChunks(file, key, some, prf)
      for (const seen of [end - 1, end, end + 1]) {
        expect(chunker.cut(file.subarray(0, seen), key, false), `seed ${seed}, ${seen} bytes`).toBe(seen < end ? undefined : end)
      }
    }
  })

  test('are at the maximum in data of one repeated byte, whichever it is', async () => {
    const some: ChunkerLimits = { min: 1024, max: 16_384, proposalBits: 12, oneOf: 1 }
    const chunker = await loadChunker(prf, { limits: some, best })
    for (let byte = 0; byte < 256; byte++) {
      expect(chunks(chunker, new Uint8Array(2 * some.max + 1).fill(byte))).toEqual([some.max, some.max, 1])
    }
  })
})

describe('cuts', () => {
  test('depend on the key', async () => {
    const chunker = await loadChunker(prf, { limits: { min: 256, max: 8192, proposalBits: 4, oneOf: 64 } })
    const file = noise(60_000)
    expect(chunks(chunker, file)).not.toEqual(chunks(chunker, file, new Uint8Array(32)))
  })

  test('come back after bytes were inserted', async () => {
    const chunker = await loadChunker(prf, { limits: { min: 256, max: 16_384, proposalBits: 4, oneOf: 48 } })
    const file = noise(100_000)
    const ends = (lengths: readonly number[], moved: number): number[] => lengths.map((_, i) => lengths.slice(0, i + 1).reduce((a, b) => a + b) - moved)
    const before = new Set(ends(chunks(chunker, file), 0))
    const after = ends(chunks(chunker, concat([noise(77, 5), file])), 77)
    expect(after.filter((end) => before.has(end)).length).toBeGreaterThan(after.length / 2)
  })
})

describe('the PRF', () => {
  /** A chunker that counts about how many windows it asks the PRF, which always refuses. */
  async function counting(best: Build): Promise<{ chunker: Chunker; calls: () => number }> {
    let calls = 0
    const refusing: KeyedHash = {
      keyed: (cutKey, bytes) => {
        if (bytes.length > 0) calls++
        return prf.keyed(cutKey, bytes).fill(255, 0, 1)
      },
    }
    return { chunker: await loadChunker(refusing, { best }), calls: () => calls }
  }

  /** Two bytes whose repetition proposes at every second position; there are 16 such pairs. */
  const proposing = Uint8Array.of(0x17, 0x16)
  const repeated = concat(Array<Uint8Array>(CHUNK_LIMITS.max / 2).fill(proposing))

  test.each(BUILDS)('is asked once for all equal windows of a chunk, in the %s build', async (best) => {
    const { chunker, calls } = await counting(best)
    const windows = [repeated.subarray(0, 64), repeated.subarray(1, 65)]
    expect(windows.filter((window) => (slowRabin(window) & 0xfffn) === 0xfffn)).toHaveLength(1)
    expect(chunker.cut(repeated, key, true)).toBe(CHUNK_LIMITS.max)
    expect(calls()).toBe(1)
  })

  test('is asked again when the key has changed, and not when it has not', async () => {
    const { chunker, calls } = await counting('scalar')
    for (const [cutKey, expected] of [[key, 1], [key.slice(), 1], [new Uint8Array(32), 2], [key, 3]] as const) {
      chunker.cut(repeated, cutKey, true)
      expect(calls()).toBe(expected)
    }
  })

  test('is asked again about windows that came before some thousands of others, since memory is bounded', async () => {
    const { chunker, calls } = await counting('scalar')
    const file = noise(vectors.size)
    chunks(chunker, file)
    // Two chunks, of which 22 MiB are looked at; one position of 4096 proposes.
    const once = calls()
    expect(once).toBeGreaterThan(5000)
    chunks(chunker, file)
    expect(calls()).toBeGreaterThan(once)
    expect(calls()).toBeLessThanOrEqual(2 * once)
  })
})

describe('sizes', () => {
  test('the mean counted with the minimum is 4 MiB, scaled down by 1024', async () => {
    const chunker = await loadChunker(prf, { limits: { min: 1024, max: 16_384, proposalBits: 4, oneOf: 192 } })
    const file = noise(4 * 2 ** 20)
    const lengths = chunks(chunker, file)
    // 1 + 3 (1 - e^-5) KiB; the standard deviation of this mean is about 90 bytes.
    expect(file.length / lengths.length).toBeGreaterThan(4075 - 270)
    expect(file.length / lengths.length).toBeLessThan(4075 + 270)
    for (const length of lengths.slice(0, -1)) expect(length).toBeGreaterThanOrEqual(1024)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(16_384)
  })

  test('without a cut the chunk ends at the maximum, or at the end of the file', async () => {
    const chunker = await loadChunker(prf)
    const zeros = new Uint8Array(CHUNK_LIMITS.max + 1)
    expect(chunker.cut(zeros, key, false)).toBe(CHUNK_LIMITS.max)
    expect(chunker.cut(zeros.subarray(0, CHUNK_LIMITS.max), key, false)).toBe(CHUNK_LIMITS.max)
    expect(chunker.cut(zeros.subarray(1, CHUNK_LIMITS.max), key, false)).toBeUndefined()
    expect(chunker.cut(zeros.subarray(0, 2_000_000), key, true)).toBe(2_000_000)
    expect(chunker.cut(zeros.subarray(0, 5), key, true)).toBe(5)
    expect(chunker.cut(zeros.subarray(0, 5), key, false)).toBeUndefined()
    expect(chunker.cut(new Uint8Array(0), key, true)).toBeUndefined()
  })

  test('limits that cannot be are refused', async () => {
    for (const wrong of [{ min: 63 }, { max: 2 ** 20 - 1 }, { proposalBits: 0 }, { proposalBits: 33 }, { oneOf: 0 }, { min: NaN }]) {
      const refused = loadChunker(prf, { limits: { ...CHUNK_LIMITS, ...wrong } })
      await expect(refused).rejects.toMatchObject({ kind: 'invalid', code: 'chunker.limits' })
    }
  })
})

describe('the fingerprint', () => {
  test('proposes no cut in a window of one repeated byte', () => {
    for (let byte = 0; byte < 256; byte++) {
      expect(slowRabin(new Uint8Array(64).fill(byte)) & 0xfffn).not.toBe(0xfffn)
    }
  })

  test('is modulo an irreducible polynomial', () => {
    // Rabin's test: 53 is prime, so x^(2^53) = x and x^2 - x having no factor in common with the polynomial are enough.
    let power = 2n
    for (let i = 0; i < 53; i++) power = square(power)
    expect(power).toBe(2n)
    // x^2 - x = x (x + 1): the polynomial has the constant term 1 and an odd number of terms.
    const polynomial = 0x3da3358b4dc173n
    expect(polynomial & 1n).toBe(1n)
    expect(polynomial.toString(2).replaceAll('0', '').length % 2).toBe(1)
  })
})

/** Over GF(2), a square has the bits of its root at every other place. */
function square(value: bigint): bigint {
  const spread = BigInt(`0b${value.toString(2).split('').join('0')}`)
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => Number((spread >> BigInt(8 * (63 - i))) & 255n))
  return slowRabin(bytes)
}
