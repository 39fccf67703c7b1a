import { equal, type Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { instantiate, type Build } from '../base/wasm.ts'
import { kernels } from './kernel.gen.ts'

/** Bytes of a leaf: what BLAKE3 calls a chunk. */
export const LEAF = 1024

/** Bytes of a hash, a key and a chaining value. */
export const HASH = 32

/** The kernel counts leaves in 32 bits, so this many bytes (4 TiB) is the most that it can hash. */
export const MAX_SIZE = 2 ** 32 * LEAF

/** Bytes that the kernel takes at once; larger inputs pass through its memory in windows of this size. */
const WINDOW = 64 * LEAF

/** Flag of keyed hashing, section 2.1 of the paper. */
const KEYED = 16

/** The initial value, section 2.2: the fractional part of the square roots of the first eight primes. */
const IV = Uint32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
)

/** BLAKE3 and leaf proofs (docs/formats/chunk.md 6). All synchronous; inputs are only read. */
export interface Blake3 {
  /** The hash, 32 bytes, of any number of bytes. */
  hash(bytes: Uint8Array): Bytes
  /** The keyed hash, 32 bytes. Throws `invalid` `blake3.key` unless `key` has 32 bytes. */
  keyed(key: Uint8Array, bytes: Uint8Array): Bytes
  /**
   * The proof, to the holder of `hash(bytes)`, that the leaves `firstLeaf` … `firstLeaf + leaves - 1` are part of `bytes`: chaining values of 32 bytes.
   * Throws `invalid` `proof.range` unless 1 leaf or more is asked for and all are there. No bytes at all are one empty leaf.
   */
  prove(bytes: Uint8Array, firstLeaf: number, leaves: number): Bytes[]
  /**
   * Whether `data` are the leaves from `firstLeaf` on of the `size` bytes whose hash is `root`. Whole leaves, unless `data` reaches the end.
   * Never throws: whatever is malformed, left over or missing is `false`.
   */
  verify(root: Uint8Array, size: number, firstLeaf: number, data: Uint8Array, proof: readonly Uint8Array[]): boolean
}

interface Kernel {
  readonly memory: WebAssembly.Memory
  key(): number
  input(): number
  output(): number
  subtree(length: number, counter: number, extra: number, root: number): void
  parent(extra: number, root: number): void
}

/** What a walk over a tree does with subtrees that lie outside and inside of the run of leaves. Offsets and lengths in bytes. */
interface Walk {
  outside(offset: number, length: number): Uint8Array
  inside(offset: number, length: number, root: boolean): Uint8Array
  join(left: Uint8Array, right: Uint8Array, root: boolean): Uint8Array
}

/** Loads the kernel, in no better a build than `best`. Throws `invalid` `kernel.unsupported`. */
export async function loadBlake3(best?: Build): Promise<Blake3> {
  return new KernelBlake3(await instantiate<Kernel>(kernels, best))
}

class KernelBlake3 implements Blake3 {
  private readonly kernel: Kernel
  private readonly keyWords: Uint32Array
  private readonly keyBytes: Uint8Array
  private readonly input: Uint8Array
  private readonly output: Bytes

  constructor(kernel: Kernel) {
    const { buffer } = kernel.memory
    this.kernel = kernel
    this.keyWords = new Uint32Array(buffer, kernel.key(), IV.length)
    this.keyBytes = new Uint8Array(buffer, kernel.key(), HASH)
    this.input = new Uint8Array(buffer, kernel.input(), WINDOW)
    this.output = new Uint8Array(buffer, kernel.output(), HASH)
  }

  hash(bytes: Uint8Array): Bytes {
    this.keyWords.set(IV)
    return this.subtree(bytes, 0, true, 0)
  }

  keyed(key: Uint8Array, bytes: Uint8Array): Bytes {
    if (key.length !== HASH) throw new AppError('invalid', 'blake3.key', 'a key has 32 bytes', { data: { length: key.length } })
    this.keyBytes.set(key)
    const tag = this.subtree(bytes, 0, true, KEYED)
    this.keyBytes.fill(0)
    return tag
  }

  prove(bytes: Uint8Array, firstLeaf: number, leaves: number): Bytes[] {
    const last = firstLeaf + leaves - 1
    if (!isLeaf(bytes.length, firstLeaf) || !isLeaf(bytes.length, last) || last < firstLeaf) {
      throw new AppError('invalid', 'proof.range', 'no such leaves', { data: { firstLeaf, leaves, size: bytes.length } })
    }
    this.keyWords.set(IV)
    const proof: Bytes[] = []
    walk(bytes.length, firstLeaf * LEAF, Math.min((last + 1) * LEAF, bytes.length), {
      outside: (offset, length) => {
        const value = this.subtree(bytes.subarray(offset, offset + length), offset / LEAF, false, 0)
        proof.push(value)
        return value
      },
      inside: () => this.output,
      join: () => this.output,
    })
    return proof
  }

  verify(root: Uint8Array, size: number, firstLeaf: number, data: Uint8Array, proof: readonly Uint8Array[]): boolean {
    if (!isRun(size, firstLeaf, data.length)) return false
    if (root.length !== HASH || proof.some((value) => value.length !== HASH)) return false
    this.keyWords.set(IV)
    const from = firstLeaf * LEAF
    let used = 0
    const found = walk(size, from, from + data.length, {
      outside: () => proof[used++] ?? root,
      inside: (offset, length, whole) =>
        this.subtree(data.subarray(offset - from, offset - from + length), offset / LEAF, whole, 0),
      join: (left, right, whole) => this.join(left, right, whole, 0),
    })
    return used === proof.length && equal(found, root)
  }

  /** The chaining value of `bytes` as the subtree whose first leaf has number `counter`; the hash, if it is the root. */
  private subtree(bytes: Uint8Array, counter: number, root: boolean, extra: number): Bytes {
    if (bytes.length <= WINDOW) {
      this.input.set(bytes)
      this.kernel.subtree(bytes.length, counter, extra, root ? 1 : 0)
      return this.output.slice()
    }
    const split = leftLength(bytes.length)
    const left = this.subtree(bytes.subarray(0, split), counter, false, extra)
    const right = this.subtree(bytes.subarray(split), counter + split / LEAF, false, extra)
    return this.join(left, right, root, extra)
  }

  private join(left: Uint8Array, right: Uint8Array, root: boolean, extra: number): Bytes {
    this.input.set(left)
    this.input.set(right, HASH)
    this.kernel.parent(extra, root ? 1 : 0)
    return this.output.slice()
  }
}

/** Whether `length` bytes from leaf `firstLeaf` on are a run of leaves of `size` bytes. */
function isRun(size: number, firstLeaf: number, length: number): boolean {
  if (!Number.isSafeInteger(size) || size < 0 || size > MAX_SIZE || !isLeaf(size, firstLeaf)) return false
  const left = size - firstLeaf * LEAF
  return length === left || (length > 0 && length < left && length % LEAF === 0)
}

/** Whether `size` bytes have a leaf number `leaf`; no bytes are one empty leaf. */
function isLeaf(size: number, leaf: number): boolean {
  return Number.isSafeInteger(leaf) && leaf >= 0 && leaf < Math.max(1, Math.ceil(size / LEAF))
}

/** Bytes of the left child of a tree over `length` bytes, more than one leaf: the largest power of two of leaves that leaves something for the right. */
function leftLength(length: number): number {
  let split = LEAF
  while (split * 2 < length) split *= 2
  return split
}

/** Depth-first from the root, left before right, over the tree of `size` bytes, with the run `from` … `to - 1` (bytes). */
function walk(size: number, from: number, to: number, steps: Walk): Uint8Array {
  function node(offset: number, length: number): Uint8Array {
    const root = length === size
    const end = offset + length
    if (!root && (end <= from || offset >= to)) return steps.outside(offset, length)
    if (offset >= from && end <= to) return steps.inside(offset, length, root)
    const split = leftLength(length)
    const left = node(offset, split)
    return steps.join(left, node(offset + split, length - split), root)
  }
  return node(0, size)
}
