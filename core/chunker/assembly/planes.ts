// The search with SIMD: 16 lanes of the input at once, each lane a run of consecutive positions. Fingerprints are held times x^3, in 56 bits: seven
// planes, plane i being byte i of all lanes. So to append a byte renames the planes, and what the byte that leaves at the top and the byte that leaves the
// window add is linear in them: for each plane and half byte one look-up among 16 bytes, which is one swizzle (Plank, Greenan and Miller, "Screaming
// fast Galois field arithmetic using Intel SIMD instructions", FAST 2013, multiply so).

import { DEGREE, timesPowerOfX } from './rabin'
import { INPUT, mark, unmark, WINDOW } from './proposals'
import { transpose } from './transpose'

export { forget, input, next, refuse, segment } from './proposals'

const PLANES: u32 = 7
const SCALE: i32 = 8 * PLANES - DEGREE

/** For each plane four tables of 16 bytes: by the low and by the high half of the byte at the top, of the byte that leaves the window. */
const TABLES = memory.data(PLANES * 64, 16)

/** The rows of the input, row i being byte i of all lanes: those that enter, and those of a window before. */
const RING = memory.data(2 * WINDOW * 16, 16)

/** Constants that the loop loads, which costs one instruction; V8 would make each from a word anew, in three. */
const HALF = memory.data(16, 16)
const UPPER_BITS = memory.data(16, 16)
const LOWER_BITS = memory.data(16, 16)

fillTables()

function fillTables(): void {
  v128.store(HALF, i8x16.splat(15))
  v128.store(UPPER_BITS, i8x16.splat(<i8>(0xff << SCALE)))
  v128.store(LOWER_BITS, i8x16.splat(<i8>(0xff >> (8 - SCALE))))
  for (let half: u32 = 0; half < 16; half++) {
    fillEntry(0, half, DEGREE)
    fillEntry(1, half, DEGREE + 4)
    fillEntry(2, half, 8 * WINDOW)
    fillEntry(3, half, 8 * WINDOW + 4)
  }
}

function fillEntry(table: u32, half: u32, power: u32): void {
  const value = timesPowerOfX(half, power) << SCALE
  for (let plane: u32 = 0; plane < PLANES; plane++) store<u8>(TABLES + plane * 64 + table * 16 + half, <u8>(value >> (8 * plane)))
}

/** 16 look-ups in a table; the indices are below 16, so the relaxed instruction, which is the faster one, does the same. */
@inline
function lookUp(table: usize, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(v128.load(table), indices)
  return i8x16.swizzle(v128.load(table), indices)
}

@inline
function lowHalf(bytes: v128): v128 {
  return v128.and(bytes, v128.load(HALF))
}

@inline
function highHalf(bytes: v128): v128 {
  return v128.and(i16x8.shr_u(bytes, 4), v128.load(HALF))
}

/** What the two leaving bytes, given by halves, add to a plane. */
@inline
function added(plane: usize, topLow: v128, topHigh: v128, leftLow: v128, leftHigh: v128): v128 {
  const table = TABLES + plane * 64
  return v128.xor(
    v128.xor(lookUp(table + 32, leftLow), lookUp(table + 48, leftHigh)),
    v128.xor(lookUp(table, topLow), lookUp(table + 16, topHigh)),
  )
}

/** The bits of a plane that must be set when the `bits` low bits of a fingerprint must. */
function ones(bits: u32, plane: u32): v128 {
  return i8x16.splat(<i8>(((((<u64>1) << bits) - 1) << SCALE) >> (8 * plane)))
}

/** Marks the positions from 64 on, `count` of them, before which the 64 bytes of the input have a fingerprint with all `bits` low bits set. */
export function propose(count: u32, bits: u32): void {
  unmark(count)
  memory.fill(RING, 0, 2 * WINDOW * 16)
  const lane = ((count + 255) / 256) * 16
  const ones0 = ones(bits, 0)
  const ones1 = ones(bits, 1)
  const ones2 = ones(bits, 2)
  const ones3 = ones(bits, 3)
  const ones4 = ones(bits, 4)
  let p0 = i8x16.splat(0)
  let p1 = p0
  let p2 = p0
  let p3 = p0
  let p4 = p0
  let p5 = p0
  let p6 = p0
  for (let at: u32 = 0; at < lane + WINDOW; at += 16) {
    let row = RING + (at % (2 * WINDOW)) * 16
    let left = RING + ((at + WINDOW) % (2 * WINDOW)) * 16
    transpose(INPUT + at, lane, row)
    for (const end = row + 256; row < end; row += 16, left += 16) {
      const leaving = v128.load(left)
      const c = lowHalf(leaving)
      const d = highHalf(leaving)
      const a = lowHalf(p6)
      const b = highHalf(p6)
      p6 = v128.xor(p5, added(6, a, b, c, d))
      p5 = v128.xor(p4, added(5, a, b, c, d))
      p4 = v128.xor(p3, added(4, a, b, c, d))
      p3 = v128.xor(p2, added(3, a, b, c, d))
      p2 = v128.xor(p1, added(2, a, b, c, d))
      const entering = v128.load(row)
      p1 = v128.xor(v128.xor(p0, v128.and(i16x8.shr_u(entering, 8 - SCALE), v128.load(LOWER_BITS))), added(1, a, b, c, d))
      p0 = v128.xor(v128.and(i16x8.shl(entering, SCALE), v128.load(UPPER_BITS)), added(0, a, b, c, d))
      const zeros = v128.or(v128.andnot(ones0, p0), v128.andnot(ones1, p1))
      if (i8x16.bitmask(i8x16.eq(zeros, i8x16.splat(0))) == 0) continue
      const more = v128.or(v128.or(v128.andnot(ones2, p2), v128.andnot(ones3, p3)), v128.andnot(ones4, p4))
      markLanes(at + 16 - <u32>(end - row) / 16 + 1, lane, i8x16.bitmask(i8x16.eq(v128.or(zeros, more), i8x16.splat(0))))
    }
  }
}

/** Marks what `hits` proposes: bit i, of lane i, the position that is `at` in lane 0. */
function markLanes(at: u32, lane: u32, hits: i32): void {
  if (at < WINDOW) return
  for (; hits != 0; hits &= hits - 1) mark(at + ctz(hits) * lane)
}
