import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { equal, toHex, type Bytes } from '../base/bytes.ts'
import { BUILDS } from '../base/wasm.ts'
import { loadErasure, type Erasure, type Row } from './erasure.ts'
import { kernels } from './kernel.gen.ts'
import { slowEncode } from './reference.ts'
import vectors from './vectors/vectors.json' with { type: 'json' }

/** Data rows from xorshift32, the sequence of vectors/generate.c for its seed. */
function dataRows(k: number, size: number, seed = 0x53484f41): Bytes[] {
  let x = seed
  return Array.from({ length: k }, () =>
    Uint8Array.from({ length: size }, () => {
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      return x & 255
    }),
  )
}

/** Bytes of a row that the kernel takes at once. */
const STRIPE = 32_768

function numbered(rows: readonly Uint8Array[]): Row[] {
  return rows.map((bytes, index) => ({ index, bytes }))
}

function restoresAll(erasure: Erasure, rows: readonly Row[], k: number, all: readonly Uint8Array[]): boolean {
  const restored = erasure.restore(rows, k, [...all.keys()])
  return restored.every((row, i) => equal(row, all[i] ?? new Uint8Array(0)))
}

/** k, n, and an order of all n rows. */
const shapes = fc
  .integer({ min: 1, max: 32 })
  .chain((k) => fc.integer({ min: k, max: 64 }).map((n) => ({ k, n })))
  .chain(({ k, n }) =>
    fc.record({
      k: fc.constant(k),
      n: fc.constant(n),
      order: fc.shuffledSubarray([...Array(n).keys()], { minLength: n }),
      seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    }),
  )

test('there is a kernel for every runtime', () => {
  expect(Object.keys(kernels).sort()).toEqual([...BUILDS].sort())
})

describe.each(BUILDS)('the %s build', (build) => {
  let erasure: Erasure
  beforeAll(async () => {
    erasure = await loadErasure(build)
  })

  describe('encoding', () => {
    test.each(vectors.cases)('parity is that of ISA-L for k = $k, n = $n', ({ k, n, parity }) => {
      expect(erasure.encode(dataRows(k, 64), n).map(toHex)).toEqual(parity)
      expect(slowEncode(dataRows(k, 64), n).map(toHex)).toEqual(parity)
    })

    test('kernel and reference agree for any shape', () => {
      fc.assert(
        fc.property(shapes, fc.integer({ min: 1, max: 3 }), ({ k, n, seed }, units) => {
          const data = dataRows(k, 64 * units, seed)
          expect(erasure.encode(data, n).map(toHex)).toEqual(slowEncode(data, n).map(toHex))
        }),
        { numRuns: 20 },
      )
    })

    test('rows longer than the kernel takes at once are the sum of their parts', () => {
      const data = dataRows(10, 2 * STRIPE + 64)
      const parity = erasure.encode(data, 26)
      for (const at of [0, STRIPE - 64, STRIPE, 2 * STRIPE]) {
        const part = data.map((row) => row.subarray(at, at + 64))
        expect(parity.map((row) => toHex(row.subarray(at, at + 64)))).toEqual(slowEncode(part, 26).map(toHex))
      }
    })

    test('rows of growing and shrinking size are coded in turn', () => {
      for (const size of [64, 3 * STRIPE, 128, 9 * STRIPE, 64]) {
        const data = dataRows(3, size)
        const end = data.map((row) => row.subarray(size - 64))
        expect(erasure.encode(data, 6).map((row) => toHex(row.subarray(size - 64)))).toEqual(slowEncode(end, 6).map(toHex))
      }
    })

    test('a row does not depend on n, and n = k has none', () => {
      const data = dataRows(5, 128)
      expect(erasure.encode(data, 64).slice(0, 4).map(toHex)).toEqual(erasure.encode(data, 9).map(toHex))
      expect(erasure.encode(data, 5)).toEqual([])
    })
  })

  describe('restoring', () => {
    test('any k of n rows restore all n, data and parity', () => {
      fc.assert(
        fc.property(shapes, ({ k, n, order, seed }) => {
          const data = dataRows(k, 64, seed)
          const all = [...data, ...erasure.encode(data, n)]
          const kept = order.slice(0, k).map((index) => ({ index, bytes: all[index] ?? new Uint8Array(0) }))
          expect(restoresAll(erasure, kept, k, all)).toBe(true)
        }),
        { numRuns: 60 },
      )
    })

    test('each k of n rows restore, for every k and n up to 9', () => {
      for (let n = 1; n <= 9; n++) {
        for (let k = 1; k <= n; k++) {
          const data = dataRows(k, 64, 64 * n + k)
          const all = [...data, ...erasure.encode(data, n)]
          for (let mask = 0; mask < 2 ** n; mask++) {
            const kept = numbered(all).filter((row) => mask & (1 << row.index))
            if (kept.length === k && !restoresAll(erasure, kept, k, all)) expect.fail(`k = ${String(k)}, rows ${mask.toString(2)}`)
          }
        }
      }
    })

    test('more than k rows restore too, and rows come in the order asked for', () => {
      const data = dataRows(3, 64)
      const all = [...data, ...erasure.encode(data, 8)]
      const rows = numbered(all).slice(1).reverse()
      expect(erasure.restore(rows, 3, [7, 0, 2]).map(toHex)).toEqual([all[7], all[0], all[2]].map((row) => toHex(row ?? new Uint8Array(0))))
      expect(erasure.restore(rows, 3, [])).toEqual([])
    })

    test('one row of many is restored alone', () => {
      const data = dataRows(10, 64)
      const rows = numbered([...data, ...erasure.encode(data, 16)])
      for (const { index, bytes } of rows) {
        const others = rows.filter((row) => row.index !== index)
        expect(erasure.restore(others, 10, [index]).map(toHex)).toEqual([toHex(bytes)])
      }
    })

    test('more patterns of loss than are kept in mind restore, each time they come', () => {
      const data = dataRows(4, 64)
      const all = [...data, ...erasure.encode(data, 12)]
      for (let round = 0; round < 2; round++) {
        for (let first = 0; first < 9; first++) {
          for (let count = 4; count <= 6; count++) expect(restoresAll(erasure, numbered(all).slice(first, first + 4), 4, all.slice(0, 2 * count))).toBe(true)
        }
      }
    })

    test('fewer than k rows say so', () => {
      fc.assert(
        fc.property(shapes, fc.nat(), ({ k, n, order, seed }, some) => {
          const data = dataRows(k, 64, seed)
          const all = [...data, ...erasure.encode(data, n)]
          const have = some % k
          const kept = order.slice(0, have).map((index) => ({ index, bytes: all[index] ?? new Uint8Array(0) }))
          expect(() => erasure.restore(kept, k, [0])).toThrow(
            expect.objectContaining({ kind: 'transient', code: 'erasure.too-few', data: { have, need: k } }),
          )
        }),
        { numRuns: 30 },
      )
    })
  })

  describe('memory of the caller', () => {
    test('takes the rows, whatever it held, and is what comes back', () => {
      const data = dataRows(4, 128)
      const into = dataRows(9, 128, 7)
      const parity = erasure.encode(data, 13)
      expect(erasure.encode(data, 13, into).map(toHex)).toEqual(parity.map(toHex))
      expect(into.map(toHex)).toEqual(parity.map(toHex))
      const rows = numbered([...data, ...parity]).slice(2)
      const back = dataRows(2, 128, 7)
      const restored = erasure.restore(rows, 4, [0, 1], back)
      expect(restored.every((row, i) => row === back[i])).toBe(true)
      expect(back.map(toHex)).toEqual(data.slice(0, 2).map(toHex))
    })

    test('of another number of rows or another size is refused', () => {
      const data = dataRows(2, 128)
      const shape = expect.objectContaining({ kind: 'invalid', code: 'erasure.shape' }) as Error
      for (const into of [[], dataRows(1, 128), dataRows(3, 128), dataRows(2, 64)]) {
        expect(() => erasure.encode(data, 4, into)).toThrow(shape)
        expect(() => erasure.restore(numbered(data), 2, [2, 3], into)).toThrow(shape)
      }
    })
  })

  describe('shapes', () => {
    const shape = expect.objectContaining({ kind: 'invalid', code: 'erasure.shape' }) as Error

    test('what no code has is refused when encoding', () => {
      for (const [k, size, n] of [[0, 64, 4], [33, 64, 40], [2, 64, 1], [2, 64, 65], [2, 0, 4], [2, 65, 4], [2, 64, 2.5], [2, 64, NaN]] as const) {
        expect(() => erasure.encode(dataRows(k, size), n)).toThrow(shape)
      }
      expect(() => erasure.encode([new Uint8Array(64), new Uint8Array(128)], 4)).toThrow(shape)
    })

    test('rows twice, rows that cannot be and rows of different sizes are refused when restoring', () => {
      const row = (index: number, size = 64): Row => ({ index, bytes: new Uint8Array(size) })
      for (const rows of [[row(1), row(1)], [row(0), row(64)], [row(0), row(-1)], [row(0), row(0.5)], [row(0), row(1, 128)], [row(0, 0), row(1, 0)], [row(0, 63), row(1, 63)]]) {
        expect(() => erasure.restore(rows, 2, [0])).toThrow(shape)
      }
      for (const wanted of [[64], [-1], [0.5], [0, 0]]) expect(() => erasure.restore([row(0), row(1)], 2, wanted)).toThrow(shape)
      for (const k of [0, 33, 1.5, NaN]) expect(() => erasure.restore([row(0), row(1)], k, [0])).toThrow(shape)
    })
  })
})
