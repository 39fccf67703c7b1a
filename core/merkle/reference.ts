import { concat, type Bytes } from '../base/bytes.ts'

// BLAKE3 as its paper writes it (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2021), slow and plain: the oracle of the kernel's tests.

const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
const COLUMNS_AND_DIAGONALS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
]
const CHUNK_START = 1
const CHUNK_END = 2
const PARENT = 4
const ROOT = 8
const KEYED = 16

/** BLAKE3 of `bytes`, keyed when `key` (32 bytes) is given: 32 bytes. */
export function slowBlake3(bytes: Uint8Array, key?: Uint8Array): Bytes {
  const start = key === undefined ? IV : words(key)
  return toBytes(tree(start, bytes, 0, key === undefined ? 0 : KEYED, ROOT))
}

/** The chaining value of `bytes` as a subtree, not the root, whose first leaf has number `counter`. */
export function slowChainingValue(bytes: Uint8Array, counter: number): Bytes {
  return toBytes(tree(IV, bytes, counter, 0, 0))
}

/** Section 2.1. `last` is the flag of the final compression: that of the root, or none. */
function tree(key: number[], bytes: Uint8Array, counter: number, flags: number, last: number): number[] {
  if (bytes.length <= 1024) return leaf(key, bytes, counter, flags, last)
  let split = 1024
  while (split * 2 < bytes.length) split *= 2
  const left = tree(key, bytes.subarray(0, split), counter, flags, 0)
  const right = tree(key, bytes.subarray(split), counter + split / 1024, flags, 0)
  return compress(key, [...left, ...right], 0, 64, flags | PARENT | last)
}

/** Section 2.4. */
function leaf(key: number[], bytes: Uint8Array, counter: number, flags: number, last: number): number[] {
  let chain = key
  const blocks = Math.max(1, Math.ceil(bytes.length / 64))
  for (let i = 0; i < blocks; i++) {
    const block = bytes.subarray(64 * i, 64 * i + 64)
    const start = i === 0 ? CHUNK_START : 0
    const end = i === blocks - 1 ? CHUNK_END | last : 0
    chain = compress(chain, words(concat([block, new Uint8Array(64 - block.length)])), counter, block.length, flags | start | end)
  }
  return chain
}

/** Section 2.2. */
function compress(chain: number[], block: number[], counter: number, length: number, flags: number): number[] {
  const v = [...chain, ...IV.slice(0, 4), counter >>> 0, Math.floor(counter / 2 ** 32), length, flags]
  let m = block
  for (let round = 0; round < 7; round++) {
    COLUMNS_AND_DIAGONALS.forEach((lanes, i) => {
      quarter(v, lanes, at(m, 2 * i), at(m, 2 * i + 1))
    })
    m = PERMUTATION.map((from) => at(m, from))
  }
  return chain.map((_, i) => (at(v, i) ^ at(v, i + 8)) >>> 0)
}

function quarter(v: number[], lanes: readonly number[], x: number, y: number): void {
  const [a, b, c, d] = [at(lanes, 0), at(lanes, 1), at(lanes, 2), at(lanes, 3)]
  const half = (word: number, first: number, second: number): void => {
    v[a] = (at(v, a) + at(v, b) + word) >>> 0
    v[d] = rotate(at(v, d) ^ at(v, a), first)
    v[c] = (at(v, c) + at(v, d)) >>> 0
    v[b] = rotate(at(v, b) ^ at(v, c), second)
  }
  half(x, 16, 12)
  half(y, 8, 7)
}

function rotate(x: number, right: number): number {
  return ((x >>> right) | (x << (32 - right))) >>> 0
}

function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true))
}

function toBytes(hash: number[]): Bytes {
  const view = new DataView(new ArrayBuffer(32))
  hash.forEach((word, i) => {
    view.setUint32(4 * i, word, true)
  })
  return new Uint8Array(view.buffer)
}

function at(list: readonly number[], index: number): number {
  return list[index] ?? 0
}
