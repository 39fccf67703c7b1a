import { equal } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { instantiate, type Build } from '../base/wasm.ts'
import { kernels } from './kernel.gen.ts'

/** Bytes that decide about a cut: those before it. */
export const WINDOW = 64

const NOTHING = new Uint8Array(0)

/** Where chunks may end. A format: other limits than `CHUNK_LIMITS` are for tests. */
export interface ChunkerLimits {
  /** Bytes, at least 64. */
  readonly min: number
  /** Bytes. */
  readonly max: number
  /** How many low bits of the fingerprint must be ones: 1 to 32. */
  readonly proposalBits: number
  /** Of how many proposals the keyed PRF takes one. */
  readonly oneOf: number
}

/** docs/formats/chunk.md 1: 1 MiB to 16 MiB, 4 MiB on average. */
export const CHUNK_LIMITS: ChunkerLimits = { min: 2 ** 20, max: 2 ** 24, proposalBits: 12, oneOf: 768 }

/** Cuts files into chunks at places that their contents and a secret key decide (docs/formats/chunk.md 1). */
export interface Chunker {
  /**
   * The length of the chunk that begins `bytes`, or `undefined` when more bytes must be seen first (or there are none at all).
   * `bytes` reach from the start of the chunk as far as is known, 16 MiB or less being enough; `final` when the file ends there. `cutKey` has 32 bytes.
   * `scanned` is how many of these bytes an earlier call, which gave `undefined`, had: they are not looked at again.
   * Throws `invalid` `blake3.key`.
   */
  cut(bytes: Uint8Array, cutKey: Uint8Array, final: boolean, scanned?: number): number | undefined
}

/** The PRF that decides: keyed BLAKE3, 32 bytes. What `loadBlake3` gives is one. */
export interface KeyedHash {
  keyed(key: Uint8Array, bytes: Uint8Array): Uint8Array
}

interface Kernel {
  readonly memory: WebAssembly.Memory
  input(): number
  segment(): number
  propose(count: number, bits: number): void
  next(from: number): number
  refuse(position: number): void
  forget(): void
}

/** What changes the outcome, passed in: the limits are those of the format, and the build of the kernel the best that this runtime can run, unless a test says otherwise. */
export interface ChunkerOptions {
  readonly limits?: ChunkerLimits
  readonly best?: Build
}

/** Loads the kernel. Throws `invalid` `kernel.unsupported`, `chunker.limits`. */
export async function loadChunker(prf: KeyedHash, options: ChunkerOptions = {}): Promise<Chunker> {
  const limits = options.limits ?? CHUNK_LIMITS
  if (!(limits.min >= WINDOW && limits.min <= limits.max && limits.proposalBits >= 1 && limits.proposalBits <= 32 && limits.oneOf >= 1)) {
    throw new AppError('invalid', 'chunker.limits', 'no chunks can have these limits', { data: { ...limits } })
  }
  return new KernelChunker(await instantiate<Kernel>(kernels, options.best), prf, limits)
}

class KernelChunker implements Chunker {
  private readonly kernel: Kernel
  private readonly segment: number
  private readonly input: Uint8Array
  private readonly prf: KeyedHash
  private readonly limits: ChunkerLimits
  /** The greatest tag, 8 bytes in big-endian order, that takes a cut. */
  private readonly greatest: Uint8Array
  /** Whose refusals the kernel remembers: the PRF of nothing under a key, which no window gives, and which need not be wiped as a key would. */
  private keyMark: Uint8Array = NOTHING

  constructor(kernel: Kernel, prf: KeyedHash, limits: ChunkerLimits) {
    this.kernel = kernel
    this.segment = kernel.segment()
    this.input = new Uint8Array(kernel.memory.buffer, kernel.input(), WINDOW + this.segment)
    this.prf = prf
    this.limits = limits
    this.greatest = new Uint8Array(8)
    new DataView(this.greatest.buffer).setBigUint64(0, 2n ** 64n / BigInt(limits.oneOf) - 1n)
  }

  cut(bytes: Uint8Array, cutKey: Uint8Array, final: boolean, scanned = 0): number | undefined {
    const { min, max } = this.limits
    const end = Math.min(bytes.length, max)
    this.use(cutKey)
    for (let first = Math.max(min, scanned + 1); first <= end; first += this.segment) {
      const found = this.search(bytes, first, Math.min(first + this.segment - 1, end), cutKey)
      if (found !== undefined) return found
    }
    if (end === max) return max
    return final && end > 0 ? end : undefined
  }

  private use(cutKey: Uint8Array): void {
    const mark = this.prf.keyed(cutKey, NOTHING)
    if (equal(mark, this.keyMark)) return
    this.kernel.forget()
    this.keyMark = mark.slice()
  }

  /** The first position from `first` to `last` that is proposed and taken. */
  private search(bytes: Uint8Array, first: number, last: number, cutKey: Uint8Array): number | undefined {
    const start = first - WINDOW
    this.input.set(bytes.subarray(start, last))
    this.kernel.propose(last - first + 1, this.limits.proposalBits)
    for (let at = this.kernel.next(WINDOW); at !== 0; at = this.kernel.next(at + 1)) {
      if (this.takes(this.input.subarray(at - WINDOW, at), cutKey)) return start + at
      this.kernel.refuse(at)
    }
    return undefined
  }

  /** Compares byte by byte, since a `DataView` of a tag would cost more than the tag: V8 keeps small arrays without a buffer until one is asked for. */
  private takes(window: Uint8Array, cutKey: Uint8Array): boolean {
    const tag = this.prf.keyed(cutKey, window)
    let i = 0
    while (i < 7 && tag[i] === this.greatest[i]) i++
    return (tag[i] ?? 0) <= (this.greatest[i] ?? 0)
  }
}
