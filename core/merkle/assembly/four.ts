// Four blocks of BLAKE3 at once: each v128 holds one word of the state of four independent compressions (section 5.3 of the paper).

import { rotr, rotr16, rotr8 } from './rotate'

const BLOCK: u32 = 64
const CV: u32 = 32

/** The sixteen words of the message, of all four lanes each. */
const WORDS = memory.data(16 * 16, 16)
/** Table 2 applied 0 to 6 times: where in `WORDS` each of the sixteen words of a round is, in order of use. */
const ORDER = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8,
  3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1,
  10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6,
  12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4,
  9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7,
  11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13,
])

/** a + b + the word of the message that the place `at` in `ORDER` names. */
@inline
function sum(a: v128, b: v128, at: usize): v128 {
  return i32x4.add(i32x4.add(a, b), v128.load(WORDS + (<usize>load<u8>(at) << 4)))
}

/** Words 4 `group` … 4 `group` + 3 of the blocks at `at`, `stride` apart, put so that each v128 has one word of all lanes. */
@inline
function gather(at: usize, stride: usize, group: usize): void {
  const from = at + 16 * group
  const to = WORDS + 64 * group
  turn(v128.load(from), v128.load(from + stride), v128.load(from + 2 * stride), v128.load(from + 3 * stride), to, 16)
}

/** Stores the columns of a 4 x 4 matrix, given by its rows, `stride` apart. */
@inline
function turn(a: v128, b: v128, c: v128, d: v128, to: usize, stride: usize): void {
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
  const AB = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const CD = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2))
  v128.store(to + stride, v128.shuffle<i64>(ab, cd, 1, 3))
  v128.store(to + 2 * stride, v128.shuffle<i64>(AB, CD, 0, 2))
  v128.store(to + 3 * stride, v128.shuffle<i64>(AB, CD, 1, 3))
}

/**
 * The chaining values, 32 bytes each and one after another at `out`, of four runs of `blocks` whole blocks that begin at `at`, `stride` apart, under the
 * key at `key`. Their counters begin with `counter` and are `step` apart; `flags` are for all blocks, `start` for the first and `end` for the last. `out` may overlap what is read.
 */
export function compressFour(key: usize, at: usize, stride: usize, blocks: u32, counter: u32, step: u32, flags: u32, start: u32, end: u32, out: usize): void {
  let v0 = v128.load32_splat(key), v1 = v128.load32_splat(key, 4), v2 = v128.load32_splat(key, 8), v3 = v128.load32_splat(key, 12)
  let v4 = v128.load32_splat(key, 16), v5 = v128.load32_splat(key, 20), v6 = v128.load32_splat(key, 24), v7 = v128.load32_splat(key, 28)
  let now = flags | start
  for (; blocks > 0; blocks--, at += BLOCK) {
    gather(at, stride, 0)
    gather(at, stride, 1)
    gather(at, stride, 2)
    gather(at, stride, 3)
    if (blocks == 1) now |= end
    let v8 = i32x4.splat(0x6a09e667), v9 = i32x4.splat(0xbb67ae85), v10 = i32x4.splat(0x3c6ef372), v11 = i32x4.splat(0xa54ff53a)
    let v12 = i32x4.add(i32x4.splat(counter), i32x4.mul(i32x4.splat(step), i32x4(0, 1, 2, 3))), v13 = i32x4.splat(0), v14 = i32x4.splat(BLOCK), v15 = i32x4.splat(now)
    for (let m = ORDER; m < ORDER + 7 * 16; m += 16) {
      v0 = sum(v0, v4, m); v12 = rotr16(v128.xor(v12, v0)); v8 = i32x4.add(v8, v12); v4 = rotr(v128.xor(v4, v8), 12)
      v1 = sum(v1, v5, m + 2); v13 = rotr16(v128.xor(v13, v1)); v9 = i32x4.add(v9, v13); v5 = rotr(v128.xor(v5, v9), 12)
      v2 = sum(v2, v6, m + 4); v14 = rotr16(v128.xor(v14, v2)); v10 = i32x4.add(v10, v14); v6 = rotr(v128.xor(v6, v10), 12)
      v3 = sum(v3, v7, m + 6); v15 = rotr16(v128.xor(v15, v3)); v11 = i32x4.add(v11, v15); v7 = rotr(v128.xor(v7, v11), 12)
      v0 = sum(v0, v4, m + 1); v12 = rotr8(v128.xor(v12, v0)); v8 = i32x4.add(v8, v12); v4 = rotr(v128.xor(v4, v8), 7)
      v1 = sum(v1, v5, m + 3); v13 = rotr8(v128.xor(v13, v1)); v9 = i32x4.add(v9, v13); v5 = rotr(v128.xor(v5, v9), 7)
      v2 = sum(v2, v6, m + 5); v14 = rotr8(v128.xor(v14, v2)); v10 = i32x4.add(v10, v14); v6 = rotr(v128.xor(v6, v10), 7)
      v3 = sum(v3, v7, m + 7); v15 = rotr8(v128.xor(v15, v3)); v11 = i32x4.add(v11, v15); v7 = rotr(v128.xor(v7, v11), 7)
      v0 = sum(v0, v5, m + 8); v15 = rotr16(v128.xor(v15, v0)); v10 = i32x4.add(v10, v15); v5 = rotr(v128.xor(v5, v10), 12)
      v1 = sum(v1, v6, m + 10); v12 = rotr16(v128.xor(v12, v1)); v11 = i32x4.add(v11, v12); v6 = rotr(v128.xor(v6, v11), 12)
      v2 = sum(v2, v7, m + 12); v13 = rotr16(v128.xor(v13, v2)); v8 = i32x4.add(v8, v13); v7 = rotr(v128.xor(v7, v8), 12)
      v3 = sum(v3, v4, m + 14); v14 = rotr16(v128.xor(v14, v3)); v9 = i32x4.add(v9, v14); v4 = rotr(v128.xor(v4, v9), 12)
      v0 = sum(v0, v5, m + 9); v15 = rotr8(v128.xor(v15, v0)); v10 = i32x4.add(v10, v15); v5 = rotr(v128.xor(v5, v10), 7)
      v1 = sum(v1, v6, m + 11); v12 = rotr8(v128.xor(v12, v1)); v11 = i32x4.add(v11, v12); v6 = rotr(v128.xor(v6, v11), 7)
      v2 = sum(v2, v7, m + 13); v13 = rotr8(v128.xor(v13, v2)); v8 = i32x4.add(v8, v13); v7 = rotr(v128.xor(v7, v8), 7)
      v3 = sum(v3, v4, m + 15); v14 = rotr8(v128.xor(v14, v3)); v9 = i32x4.add(v9, v14); v4 = rotr(v128.xor(v4, v9), 7)
    }
    v0 = v128.xor(v0, v8)
    v1 = v128.xor(v1, v9)
    v2 = v128.xor(v2, v10)
    v3 = v128.xor(v3, v11)
    v4 = v128.xor(v4, v12)
    v5 = v128.xor(v5, v13)
    v6 = v128.xor(v6, v14)
    v7 = v128.xor(v7, v15)
    now = flags
  }
  turn(v0, v1, v2, v3, out, CV)
  turn(v4, v5, v6, v7, out + 16, CV)
}
