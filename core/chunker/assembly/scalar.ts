// The search without SIMD: four runs of positions at once, since each fingerprint waits for the one before it.

import { DEGREE, timesPowerOfX } from './rabin'
import { INPUT, mark, unmark, WINDOW } from './proposals'

export { forget, input, next, refuse, segment } from './proposals'

/** Fingerprints are held times x^11, so that the byte to reduce leaves a 64-bit word at its top. */
const SCALE: u32 = 64 - DEGREE

/** For each byte what it adds when it leaves the word at the top (times x^64), and the window (times x^512, and scaled). */
const REDUCED = memory.data(256 * 8, 16)
const LEAVING = memory.data(256 * 8, 16)

fillTables()

function fillTables(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    store<u64>(REDUCED + (byte << 3), timesPowerOfX(byte, DEGREE) << SCALE)
    store<u64>(LEAVING + (byte << 3), timesPowerOfX(byte, 8 * WINDOW) << SCALE)
  }
}

@inline
function append(hash: u64, at: usize): u64 {
  return (hash << 8) ^ ((<u64>load<u8>(at)) << SCALE) ^ load<u64>(REDUCED + (<usize>(hash >> 56) << 3))
}

@inline
function roll(hash: u64, at: usize): u64 {
  return append(hash, at) ^ load<u64>(LEAVING + (<usize>load<u8>(at - WINDOW) << 3))
}

function first(at: usize): u64 {
  let hash: u64 = 0
  for (let end = at + WINDOW; at < end; at++) hash = append(hash, at)
  return hash
}

/** Marks the positions from 64 on, `count` of them, before which the 64 bytes of the input have a fingerprint with all `bits` low bits set. */
export function propose(count: u32, bits: u32): void {
  unmark(count)
  const ones: u64 = (((<u64>1) << bits) - 1) << SCALE
  const run = (count + 3) / 4
  const end = INPUT + run
  let a = first(INPUT)
  let b = first(INPUT + run)
  let c = first(INPUT + 2 * run)
  let d = first(INPUT + 3 * run)
  for (let at = INPUT; at < end; at++) {
    if ((~a & ones) == 0) mark(<u32>(at - INPUT) + WINDOW)
    if ((~b & ones) == 0) mark(<u32>(at - INPUT) + WINDOW + run)
    if ((~c & ones) == 0) mark(<u32>(at - INPUT) + WINDOW + 2 * run)
    if ((~d & ones) == 0) mark(<u32>(at - INPUT) + WINDOW + 3 * run)
    a = roll(a, at + WINDOW)
    b = roll(b, at + WINDOW + run)
    c = roll(c, at + WINDOW + 2 * run)
    d = roll(d, at + WINDOW + 3 * run)
  }
}
