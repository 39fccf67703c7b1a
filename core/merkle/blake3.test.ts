import { blake3 as noble } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { toHex, utf8 } from '../base/bytes.ts'
import { BUILDS, instantiate } from '../base/wasm.ts'
import { LEAF, MAX_SIZE, loadBlake3, type Blake3 } from './blake3.ts'
import { kernels } from './kernel.gen.ts'
import { slowBlake3, slowChainingValue } from './reference.ts'
import vectors from './vectors/blake3.json' with { type: 'json' }

/** The input of the official vectors. */
function counting(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = i % 251
  return bytes
}

const sizes = fc.oneof(
  fc.integer({ min: 0, max: 3 * LEAF }),
  fc.integer({ min: 0, max: 140 * LEAF }),
  fc.tuple(fc.integer({ min: 1, max: 140 }), fc.integer({ min: -1, max: 1 })).map(([leaves, more]) => leaves * LEAF + more),
)

/** A size, a run of its leaves, and their bytes. */
const runs = sizes.chain((size) => {
  const count = Math.max(1, Math.ceil(size / LEAF))
  return fc
    .integer({ min: 0, max: count - 1 })
    .chain((first) => fc.record({ size: fc.constant(size), first: fc.constant(first), leaves: fc.integer({ min: 1, max: count - first }) }))
})

test('there is a kernel for every runtime', () => {
  expect(Object.keys(kernels).sort()).toEqual([...BUILDS].sort())
})

describe.each(BUILDS)('the %s build', (build) => {
  let blake3: Blake3
  beforeAll(async () => {
    blake3 = await loadBlake3(build)
  })

  describe('hashing', () => {
    const key = utf8(vectors.key)

    test.each(vectors.cases)('the official vector of $input_len bytes holds for the kernel and the reference', (vector) => {
      const input = counting(vector.input_len)
      expect(toHex(blake3.hash(input))).toBe(vector.hash)
      expect(toHex(blake3.keyed(key, input))).toBe(vector.keyed_hash)
      expect(toHex(slowBlake3(input))).toBe(vector.hash)
      expect(toHex(slowBlake3(input, key))).toBe(vector.keyed_hash)
    })

    test('kernel, reference and @noble/hashes agree on any input and key', () => {
      fc.assert(
        fc.property(sizes, fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, seed, anyKey) => {
          const input = Uint8Array.from({ length: size }, (_, i) => (seed[i % seed.length] ?? 0) ^ (i >> 8))
          const hash = toHex(blake3.hash(input))
          expect(hash).toBe(toHex(noble(input)))
          expect(hash).toBe(toHex(slowBlake3(input)))
          expect(toHex(blake3.keyed(anyKey, input))).toBe(toHex(noble(input, { key: anyKey })))
        }),
        { numRuns: 40 },
      )
    })

    test('32 MiB pass through a kernel whose memory is 128 KiB', async () => {
      const { memory } = await instantiate<{ memory: { buffer: ArrayBuffer } }>(kernels, build)
      expect(memory.buffer.byteLength).toBe(128 * 1024)
      const input = counting(32 * 2 ** 20)
      // Computed by b3sum 1.2.0.
      expect(toHex(blake3.hash(input))).toBe('f00ab3d8d7c313192cfbaf2f771090ba15b2e6a8fad9e805a146fbb8acdf55ce')
    })

    test('a hash after a keyed hash does not see its key', () => {
      blake3.keyed(key, counting(10))
      expect(toHex(blake3.hash(counting(0)))).toBe(vectors.cases[0]?.hash)
    })

    test('what comes back is not overwritten by the next call', () => {
      const first = blake3.hash(counting(1))
      blake3.hash(counting(2))
      expect(toHex(first)).toBe(vectors.cases[1]?.hash)
    })

    test('a key that has not 32 bytes is refused', () => {
      for (const length of [0, 31, 33]) {
        expect(() => blake3.keyed(new Uint8Array(length), counting(1))).toThrow(expect.objectContaining({ code: 'blake3.key' }))
      }
    })
  })

  describe('leaf proofs', () => {
    test('every run of leaves is proved', () => {
      fc.assert(
        fc.property(runs, ({ size, first, leaves }) => {
          const input = counting(size)
          const proof = blake3.prove(input, first, leaves)
          const data = input.subarray(first * LEAF, (first + leaves) * LEAF)
          expect(blake3.verify(blake3.hash(input), size, first, data, proof)).toBe(true)
        }),
      )
    })

    test('a proof lists the subtrees outside the run, depth first, left before right', () => {
      const input = counting(7 * LEAF + 5)
      const value = (from: number, to: number): string => toHex(slowChainingValue(input.subarray(from * LEAF, to * LEAF), from))
      expect(blake3.prove(input, 2, 3).map(toHex)).toEqual([value(0, 2), value(5, 6), value(6, 8)])
      expect(blake3.prove(input, 7, 1).map(toHex)).toEqual([value(0, 4), value(4, 6), value(6, 7)])
      expect(blake3.prove(input, 0, 8)).toEqual([])
    })

    test('one changed bit in data, proof or root is refused', () => {
      fc.assert(
        fc.property(runs, fc.nat(), fc.nat({ max: 7 }), ({ size, first, leaves }, where, bit) => {
          const input = counting(size)
          const parts = [blake3.hash(input), input.slice(first * LEAF, (first + leaves) * LEAF), ...blake3.prove(input, first, leaves)]
          let at = where % parts.reduce((sum, part) => sum + part.length, 0)
          for (const part of parts) {
            if (at >= 0 && at < part.length) part[at] = (part[at] ?? 0) ^ (1 << bit)
            at -= part.length
          }
          const [root = input, data = input, ...proof] = parts
          expect(blake3.verify(root, size, first, data, proof)).toBe(false)
        }),
      )
    })

    test('values left over, missing or of another length are refused', () => {
      fc.assert(
        fc.property(runs, ({ size, first, leaves }) => {
          const input = counting(size)
          const proof = blake3.prove(input, first, leaves)
          const root = blake3.hash(input)
          const data = input.subarray(first * LEAF, (first + leaves) * LEAF)
          const extra = new Uint8Array(32)
          expect(blake3.verify(root, size, first, data, [...proof, extra])).toBe(false)
          expect(blake3.verify(root, size, first, data, [extra, ...proof])).toBe(false)
          const [head, ...rest] = proof
          if (head === undefined) return
          expect(blake3.verify(root, size, first, data, rest)).toBe(false)
          expect(blake3.verify(root, size, first, data, [head.subarray(1), ...rest])).toBe(false)
        }),
      )
    })

    test('another place or another size is refused', () => {
      const input = counting(9 * LEAF)
      const root = blake3.hash(input)
      const data = input.subarray(2 * LEAF, 4 * LEAF)
      const proof = blake3.prove(input, 2, 2)
      expect(blake3.verify(root, input.length, 2, data, proof)).toBe(true)
      expect(blake3.verify(root, input.length, 4, data, proof)).toBe(false)
      expect(blake3.verify(root, input.length, 0, data, proof)).toBe(false)
      // A size is proved only as far as the tree's shape and the last leaf depend on it, so the last leaf is what proves it.
      const end = input.subarray(8 * LEAF)
      const endProof = blake3.prove(input, 8, 1)
      expect(blake3.verify(root, input.length, 8, end, endProof)).toBe(true)
      expect(blake3.verify(root, input.length - 1, 8, end.subarray(1), endProof)).toBe(false)
      expect(blake3.verify(root, 10 * LEAF, 8, end, endProof)).toBe(false)
    })

    test('two chaining values do not pass for a leaf', () => {
      const input = counting(2 * LEAF)
      const forged = new Uint8Array(64)
      forged.set(slowChainingValue(input.subarray(0, LEAF), 0))
      forged.set(slowChainingValue(input.subarray(LEAF), 1), 32)
      expect(blake3.verify(blake3.hash(input), 64, 0, forged, [])).toBe(false)
    })

    test('hostile numbers and lengths are false, never an exception', () => {
      const numbers = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(MAX_SIZE, MAX_SIZE + 1, 2 ** 53, Infinity, -0, NaN))
      const blobs = fc.uint8Array({ maxLength: 2 * LEAF })
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 40 }), numbers, numbers, blobs, fc.array(fc.uint8Array({ maxLength: 33 }), { maxLength: 50 }), (root, size, first, data, proof) => {
          expect(blake3.verify(root, size, first, data, proof)).toBe(false)
        }),
      )
    })

    test('leaves that are not there cannot be proved', () => {
      const input = counting(3 * LEAF)
      for (const [first, leaves] of [[0, 0], [0, 4], [3, 1], [-1, 1], [0.5, 1], [0, 0.5], [NaN, 1], [0, NaN], [2, -1], [0, Infinity]] as const) {
        expect(() => blake3.prove(input, first, leaves)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'proof.range' }))
      }
      expect(blake3.prove(new Uint8Array(0), 0, 1)).toEqual([])
      expect(() => blake3.prove(new Uint8Array(0), 0, 0)).toThrow()
    })
  })
})
