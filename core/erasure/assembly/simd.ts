// Reed-Solomon rows over GF(2^8): each output row is a sum of multiples of the input rows (docs/formats/chunk.md 5).
// A product by a constant is two lookups of 16 entries, one for each half of the byte (Plank, Greenan, Miller,
// "Screaming Fast Galois Field Arithmetic Using Intel SIMD Instructions", FAST 2013). Nothing is kept between calls.

/** Bytes of a row in one call: 32 input rows stay in the second-level cache. */
const STRIPE: u32 = 8192
const MAX_INPUTS: u32 = 32
const MAX_OUTPUTS: u32 = 64
/** Products of a constant by 0 … 15, then by 0, 16 … 240. */
const TABLE: u32 = 32

/** From one input row to the next: a cache line more than a power of two, so that rows do not fight for the same cache lines. */
const PITCH: u32 = STRIPE + 64

const INPUTS = memory.data(MAX_INPUTS * PITCH, 64)
const OUTPUT = memory.data(STRIPE, 64)
/** Of output r and input j of k: at r * k + j. */
const TABLES = memory.data(MAX_OUTPUTS * MAX_INPUTS * TABLE, 16)

export function stripe(): u32 {
  return STRIPE
}

export function pitch(): u32 {
  return PITCH
}

export function inputs(): usize {
  return INPUTS
}

export function output(): usize {
  return OUTPUT
}

export function tables(): usize {
  return TABLES
}

@inline
function product(bytes: v128, low: v128, high: v128): v128 {
  const lower = i8x16.swizzle(low, v128.and(bytes, i8x16.splat(15)))
  return v128.xor(lower, i8x16.swizzle(high, i8x16.shr_u(bytes, 4)))
}

/** The first `length` bytes, a multiple of 64, of output row `row` from `k` input rows, left at the output. */
export function code(row: u32, k: u32, length: u32): void {
  for (let at: u32 = 0; at < length; at += 64) {
    let a = i8x16.splat(0)
    let b = a
    let c = a
    let d = a
    let table = TABLES + row * k * TABLE
    let from = INPUTS + at
    for (let j: u32 = 0; j < k; j++) {
      const low = v128.load(table)
      const high = v128.load(table, 16)
      a = v128.xor(a, product(v128.load(from), low, high))
      b = v128.xor(b, product(v128.load(from, 16), low, high))
      c = v128.xor(c, product(v128.load(from, 32), low, high))
      d = v128.xor(d, product(v128.load(from, 48), low, high))
      table += TABLE
      from += PITCH
    }
    v128.store(OUTPUT + at, a)
    v128.store(OUTPUT + at, b, 16)
    v128.store(OUTPUT + at, c, 32)
    v128.store(OUTPUT + at, d, 48)
  }
}
