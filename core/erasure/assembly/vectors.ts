// Sums of multiples of rows over GF(2^8), for builds with 128-bit vectors. A product by a constant is two lookups of 16 entries, one for each half
// of the byte (Plank, Greenan, Miller, "Screaming Fast Galois Field Arithmetic Using Intel SIMD Instructions", FAST 2013).

import { FACTORS, INPUTS, MAX_INPUTS, MAX_OUTPUTS, OUTPUTS, PITCH, twice } from './layout'

/** Output rows of one pass over the inputs. Two vectors of each make 12 sums, about what 16 registers hold besides what is added. */
const GROUP: u32 = 6

/** Products of a constant by 0 … 15, then by 0, 16 … 240. */
const TABLE: u32 = 32
/** Group after group; in each, in the order of use: all outputs of input 0, all of input 1, … */
const TABLES = memory.data(MAX_INPUTS * MAX_OUTPUTS * TABLE, 64)

/** Low halves of bytes. In memory, since V8 makes a constant anew, from three instructions, wherever it is used. */
const MASK = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16)

/** Makes the tables for `rows` outputs from `k` inputs. */
export function prepare(k: u32, rows: u32): void {
  let table = TABLES
  for (let first: u32 = 0; first < rows; first += GROUP) {
    const end = min(first + GROUP, rows)
    for (let j: u32 = 0; j < k; j++) {
      for (let r = first; r < end; r++, table += TABLE) {
        const factor = <u32>load<u8>(FACTORS + r * k + j)
        v128.store(table, products(factor))
        v128.store(table, products(twice(twice(twice(twice(factor))))), 16)
      }
    }
  }
}

/** `factor` times 0 … 15: one addend for each bit. */
function products(factor: u32): v128 {
  const by2 = twice(factor)
  const by4 = twice(by2)
  const by1 = v128.and(i8x16.splat(<i8>factor), i8x16(0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1))
  const odd = v128.xor(by1, v128.and(i8x16.splat(<i8>by2), i8x16(0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1)))
  const low = v128.xor(odd, v128.and(i8x16.splat(<i8>by4), i8x16(0, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0, -1, -1, -1, -1)))
  return v128.xor(low, v128.and(i8x16.splat(<i8>twice(by4)), i8x16(0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1)))
}

/** `length` bytes, a multiple of 64, of `rows` output rows from `k` input rows, by the tables made last. */
export function code(k: u32, rows: u32, length: u32): void {
  for (let first: u32 = 0; first < rows; first += GROUP) {
    pass(k, min(GROUP, rows - first), length, TABLES + first * k * TABLE, OUTPUTS + first * PITCH)
  }
}

function pass(k: u32, rows: u32, length: u32, tables: usize, to: usize): void {
  switch (rows) {
    case 1: return sums(1, k, length, tables, to)
    case 2: return sums(2, k, length, tables, to)
    case 3: return sums(3, k, length, tables, to)
    case 4: return sums(4, k, length, tables, to)
    case 5: return sums(5, k, length, tables, to)
    default: return sums(6, k, length, tables, to)
  }
}

/** `pass` for a number of rows that is known when it is compiled. */
@inline
function sums(rows: u32, k: u32, length: u32, tables: usize, to: usize): void {
  const mask = v128.load(MASK)
  const zero = i8x16.splat(0)
  for (let at: u32 = 0; at < length; at += 32, to += 32) {
    let a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero
    let b0 = zero, b1 = zero, b2 = zero, b3 = zero, b4 = zero, b5 = zero
    let table = tables
    let from = INPUTS + at
    for (let j: u32 = 0; j < k; j++, from += PITCH, table += rows * TABLE) {
      const a = v128.load(from)
      const b = v128.load(from, 16)
      const aLow = v128.and(a, mask), aHigh = v128.and(i16x8.shr_u(a, 4), mask)
      const bLow = v128.and(b, mask), bHigh = v128.and(i16x8.shr_u(b, 4), mask)
      a0 = plus(a0, table, aLow, aHigh); b0 = plus(b0, table, bLow, bHigh)
      if (rows > 1) { a1 = plus(a1, table + TABLE, aLow, aHigh); b1 = plus(b1, table + TABLE, bLow, bHigh) }
      if (rows > 2) { a2 = plus(a2, table + 2 * TABLE, aLow, aHigh); b2 = plus(b2, table + 2 * TABLE, bLow, bHigh) }
      if (rows > 3) { a3 = plus(a3, table + 3 * TABLE, aLow, aHigh); b3 = plus(b3, table + 3 * TABLE, bLow, bHigh) }
      if (rows > 4) { a4 = plus(a4, table + 4 * TABLE, aLow, aHigh); b4 = plus(b4, table + 4 * TABLE, bLow, bHigh) }
      if (rows > 5) { a5 = plus(a5, table + 5 * TABLE, aLow, aHigh); b5 = plus(b5, table + 5 * TABLE, bLow, bHigh) }
    }
    put(to, a0, b0)
    if (rows > 1) put(to + PITCH, a1, b1)
    if (rows > 2) put(to + 2 * PITCH, a2, b2)
    if (rows > 3) put(to + 3 * PITCH, a3, b3)
    if (rows > 4) put(to + 4 * PITCH, a4, b4)
    if (rows > 5) put(to + 5 * PITCH, a5, b5)
  }
}

/** `sum` + the product of the bytes whose halves are `low` and `high` by the constant of `table`. */
@inline
function plus(sum: v128, table: usize, low: v128, high: v128): v128 {
  return v128.xor(v128.xor(sum, lookup(v128.load(table), low)), lookup(v128.load(table, 16), high))
}

/** Indices are below 16, where both instructions do the same; the relaxed one is spared the care for others. */
@inline
function lookup(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index)
  else return i8x16.swizzle(table, index)
}

@inline
function put(to: usize, a: v128, b: v128): void {
  v128.store(to, a)
  v128.store(to, b, 16)
}
