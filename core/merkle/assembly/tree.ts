// BLAKE3 (O’Connor, Aumasson, Neves, Wilcox-O’Hearn, 2021; sections of the paper): subtrees of up to 64 leaves. With vectors four leaves or parents
// at a time (four.ts), and what is left over one block at a time (rows.ts); without, one block at a time (words.ts).
// Nothing is kept between calls but the key.

import { compressFour } from './four'
import { compressRows } from './rows'
import { compressWords } from './words'

/** Leaves in one call: 64 KiB, small enough for the second-level cache, large enough to make a call's cost vanish. */
const LEAVES: u32 = 64
const LEAF: u32 = 1024
const BLOCK: u32 = 64
const CV: u32 = 32

// Flags of section 2.1.
const CHUNK_START: u32 = 1
const CHUNK_END: u32 = 2
const PARENT: u32 = 4
const ROOT: u32 = 8

const KEY = memory.data(CV, 16)
const INPUT = memory.data(LEAVES * LEAF, 16)
/** Chaining values of a level of the tree; the result comes out at its start. */
const LEVEL = memory.data(LEAVES * CV, 16)
/** The last block of a leaf, filled with zeros. */
const LAST = memory.data(BLOCK, 16)

export function key(): usize {
  return KEY
}

export function input(): usize {
  return INPUT
}

export function output(): usize {
  return LEVEL
}

/** Section 2.2: `out` = the chaining value after a block of 64 bytes. `chain` and `out` are 32 bytes and may overlap the block. */
@inline
function compress(chain: usize, block: usize, length: u32, counter: u32, flags: u32, out: usize): void {
  if (ASC_FEATURE_SIMD) compressRows(chain, block, length, counter, flags, out)
  else compressWords(chain, block, length, counter, flags, out)
}

/** Section 2.4: one leaf of `length` bytes, at most 1024. `extra` are flags for every block, `last` for its last one. */
function leaf(at: usize, length: u32, counter: u32, extra: u32, last: u32, out: usize): void {
  let chain = KEY
  let flags = extra | CHUNK_START
  while (length > BLOCK) {
    compress(chain, at, BLOCK, counter, flags, out)
    chain = out
    flags = extra
    at += BLOCK
    length -= BLOCK
  }
  memory.copy(LAST, at, length)
  memory.fill(LAST + length, 0, BLOCK - length)
  compress(chain, LAST, length, counter, flags | CHUNK_END | last, out)
}

/**
 * Section 2.1: the subtree over `length` bytes of the input, 0 to 65,536, whose first leaf has number `counter`.
 * `extra` is 16 for a keyed hash, else 0; `root` is 1 when this is the whole tree. The chaining value is left at the output.
 */
export function subtree(length: u32, counter: u32, extra: u32, root: u32): void {
  let count: u32 = length == 0 ? 1 : (length + LEAF - 1) / LEAF
  const whole = length / LEAF
  let done: u32 = 0
  if (ASC_FEATURE_SIMD) {
    for (; done + 4 <= whole; done += 4) {
      compressFour(KEY, INPUT + done * LEAF, LEAF, LEAF / BLOCK, counter + done, 1, extra, CHUNK_START, CHUNK_END, LEVEL + done * CV)
    }
  }
  for (let i = done; i < count; i++) {
    const last = root && count == 1 ? ROOT : 0
    leaf(INPUT + i * LEAF, min(LEAF, length - i * LEAF), counter + i, extra, last, LEVEL + i * CV)
  }
  // Joining neighbours level by level, an odd one out going up as it is, gives the tree of section 2.1:
  // each left subtree is the largest power of two that leaves something for the right.
  while (count > 1) {
    const top = root && count == 2 ? ROOT : 0
    const pairs = count >> 1
    done = 0
    if (ASC_FEATURE_SIMD) {
      for (; done + 4 <= pairs; done += 4) compressFour(KEY, LEVEL + 2 * done * CV, BLOCK, 1, 0, 0, extra | PARENT, 0, 0, LEVEL + done * CV)
    }
    for (let i = done; i < pairs; i++) join(LEVEL + 2 * i * CV, extra | top, LEVEL + i * CV)
    if (count & 1) memory.copy(LEVEL + (count >> 1) * CV, LEVEL + (count - 1) * CV, CV)
    count = (count + 1) >> 1
  }
}

/** The parent of the two chaining values at the start of the input. */
export function parent(extra: u32, root: u32): void {
  join(INPUT, extra | (root ? ROOT : 0), LEVEL)
}

/** Section 2.5. */
function join(pair: usize, flags: u32, out: usize): void {
  compress(KEY, pair, BLOCK, 0, flags | PARENT, out)
}
