// One block of BLAKE3: each v128 is one row of the 4 x 4 state.

import { rotr, rotr16, rotr8 } from './rotate'

/**
 * `compress` of tree.ts.
 * m0 … m3 hold the message words (0 2 4 6), (1 3 5 7), (8 10 12 14), (9 11 13 15): those that the four columns, then the four diagonals, take.
 */
export function compressRows(chain: usize, block: usize, length: u32, counter: u32, flags: u32, out: usize): void {
  const w0 = v128.load(block)
  const w1 = v128.load(block, 16)
  const w2 = v128.load(block, 32)
  const w3 = v128.load(block, 48)
  let m0 = v128.shuffle<i32>(w0, w1, 0, 2, 4, 6)
  let m1 = v128.shuffle<i32>(w0, w1, 1, 3, 5, 7)
  let m2 = v128.shuffle<i32>(w2, w3, 0, 2, 4, 6)
  let m3 = v128.shuffle<i32>(w2, w3, 1, 3, 5, 7)
  let a = v128.load(chain)
  let b = v128.load(chain, 16)
  let c = i32x4(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a)
  let d = i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(0), 0, counter), 2, length), 3, flags)
  for (let round = 0; round < 7; round++) {
    a = i32x4.add(i32x4.add(a, b), m0)
    d = rotr16(v128.xor(d, a))
    c = i32x4.add(c, d)
    b = rotr(v128.xor(b, c), 12)
    a = i32x4.add(i32x4.add(a, b), m1)
    d = rotr8(v128.xor(d, a))
    c = i32x4.add(c, d)
    b = v128.shuffle<i32>(rotr(v128.xor(b, c), 7), b, 1, 2, 3, 0)
    c = v128.shuffle<i32>(c, c, 2, 3, 0, 1)
    d = v128.shuffle<i32>(d, d, 3, 0, 1, 2)
    a = i32x4.add(i32x4.add(a, b), m2)
    d = rotr16(v128.xor(d, a))
    c = i32x4.add(c, d)
    b = rotr(v128.xor(b, c), 12)
    a = i32x4.add(i32x4.add(a, b), m3)
    d = rotr8(v128.xor(d, a))
    c = i32x4.add(c, d)
    b = v128.shuffle<i32>(rotr(v128.xor(b, c), 7), b, 3, 0, 1, 2)
    c = v128.shuffle<i32>(c, c, 2, 3, 0, 1)
    d = v128.shuffle<i32>(d, d, 1, 2, 3, 0)
    // Table 2: new word i is old word (2 6 3 10 7 0 4 13 1 11 12 5 9 14 15 8)[i].
    const n0 = v128.shuffle<i32>(m0, m1, 1, 5, 7, 2)
    const n1 = v128.shuffle<i32>(v128.shuffle<i32>(m0, m2, 3, 5, 0, 0), m3, 0, 1, 2, 6)
    const n2 = v128.shuffle<i32>(v128.shuffle<i32>(m1, m2, 0, 6, 0, 0), m3, 0, 1, 4, 7)
    m3 = v128.shuffle<i32>(v128.shuffle<i32>(m3, m1, 1, 6, 0, 0), m2, 0, 1, 7, 4)
    m0 = n0
    m1 = n1
    m2 = n2
  }
  v128.store(out, v128.xor(a, c))
  v128.store(out, v128.xor(b, d), 16)
}
