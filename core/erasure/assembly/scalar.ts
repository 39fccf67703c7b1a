// Sums of multiples of rows over GF(2^8) without vectors. One lookup takes a byte of an input row to its products for all output rows, one in each
// byte of 64 bits (the split tables of Plank, "A Tutorial on Reed-Solomon Coding", put side by side); a transposition parts the rows at the end.

import { FACTORS, INPUTS, MAX_INPUTS, MAX_OUTPUTS, OUTPUTS, PITCH, twice } from './layout'

export { factors, inputs, outputs, pitch, stripe } from './layout'

/** Output rows of one pass over the inputs: the bytes of 64 bits. */
const GROUP: u32 = 8

/** For each of 256 bytes, its products. */
const TABLE: u32 = 256 * GROUP
/** Group after group; in each, of input 0, 1, … */
const TABLES = memory.data((MAX_OUTPUTS / GROUP) * MAX_INPUTS * TABLE, 64)

/** Makes the tables for `rows` outputs from `k` inputs. */
export function prepare(k: u32, rows: u32): void {
  let table = TABLES
  for (let first: u32 = 0; first < rows; first += GROUP) {
    const factors = FACTORS + first * k
    for (let j: u32 = 0; j < k; j++, table += TABLE) fill(table, factors + j, k, min(GROUP, rows - first))
  }
}

/** Makes the table of one input, from its factors for `rows` outputs, `k` bytes apart. */
function fill(table: usize, factors: usize, k: u32, rows: u32): void {
  store<u64>(table, 0)
  for (let bit: u32 = 0; bit < 8; bit++) {
    let products: u64 = 0
    for (let r: u32 = 0; r < rows; r++) {
      let product = <u32>load<u8>(factors + r * k)
      for (let i: u32 = 0; i < bit; i++) product = twice(product)
      products |= <u64>product << (8 * r)
    }
    // Products are linear: those of a byte with this bit are those of the byte without it, and those of the bit.
    const half = 1 << bit
    for (let byte = 0; byte < half; byte++) store<u64>(table + 8 * (half + byte), load<u64>(table + 8 * byte) ^ products)
  }
}

/** `length` bytes, a multiple of 64, of `rows` output rows from `k` input rows, by the tables made last. */
export function code(k: u32, rows: u32, length: u32): void {
  for (let first: u32 = 0; first < rows; first += GROUP) {
    pass(k, min(GROUP, rows - first), length, TABLES + (first / GROUP) * k * TABLE, OUTPUTS + first * PITCH)
  }
}

function pass(k: u32, rows: u32, length: u32, tables: usize, to: usize): void {
  for (let at: u32 = 0; at < length; at += 8, to += 8) {
    let s0: u64 = 0, s1: u64 = 0, s2: u64 = 0, s3: u64 = 0, s4: u64 = 0, s5: u64 = 0, s6: u64 = 0, s7: u64 = 0
    let table = tables
    let from = INPUTS + at
    for (let j: u32 = 0; j < k; j++, table += TABLE, from += PITCH) {
      const bytes = load<u64>(from)
      s0 ^= load<u64>(table + (<u32>(bytes << 3) & 0x7f8))
      s1 ^= load<u64>(table + (<u32>(bytes >> 5) & 0x7f8))
      s2 ^= load<u64>(table + (<u32>(bytes >> 13) & 0x7f8))
      s3 ^= load<u64>(table + (<u32>(bytes >> 21) & 0x7f8))
      s4 ^= load<u64>(table + (<u32>(bytes >> 29) & 0x7f8))
      s5 ^= load<u64>(table + (<u32>(bytes >> 37) & 0x7f8))
      s6 ^= load<u64>(table + (<u32>(bytes >> 45) & 0x7f8))
      s7 ^= load<u64>(table + (<u32>(bytes >> 53) & 0x7f8))
    }
    // Sum p has the byte at p of all rows; halves, quarters and bytes change places until each row has its own.
    const p0 = evenBytes(s0, s1), p1 = oddBytes(s0, s1), p2 = evenBytes(s2, s3), p3 = oddBytes(s2, s3)
    const p4 = evenBytes(s4, s5), p5 = oddBytes(s4, s5), p6 = evenBytes(s6, s7), p7 = oddBytes(s6, s7)
    put(to, rows, 0, evenPairs(p0, p2), evenPairs(p4, p6))
    put(to, rows, 1, evenPairs(p1, p3), evenPairs(p5, p7))
    put(to, rows, 2, oddPairs(p0, p2), oddPairs(p4, p6))
    put(to, rows, 3, oddPairs(p1, p3), oddPairs(p5, p7))
  }
}

/** Stores output row `r`, the lower halves of `a` and `b`, and row `r` + 4, the upper ones, as far as there are so many. */
@inline
function put(to: usize, rows: u32, r: u32, a: u64, b: u64): void {
  if (r < rows) store<u64>(to + r * PITCH, (a & 0xffffffff) | (b << 32))
  if (r + 4 < rows) store<u64>(to + (r + 4) * PITCH, (a >> 32) | (b & 0xffffffff00000000))
}

@inline
function evenBytes(a: u64, b: u64): u64 {
  return (a & 0x00ff00ff00ff00ff) | ((b & 0x00ff00ff00ff00ff) << 8)
}

@inline
function oddBytes(a: u64, b: u64): u64 {
  return ((a >> 8) & 0x00ff00ff00ff00ff) | (b & 0xff00ff00ff00ff00)
}

@inline
function evenPairs(a: u64, b: u64): u64 {
  return (a & 0x0000ffff0000ffff) | ((b & 0x0000ffff0000ffff) << 16)
}

@inline
function oddPairs(a: u64, b: u64): u64 {
  return ((a >> 16) & 0x0000ffff0000ffff) | (b & 0xffff0000ffff0000)
}
