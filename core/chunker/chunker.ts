import { AppError } from '../base/errors.ts'
import { instantiate, type Build } from '../base/wasm.ts'
import { kernels } from './kernel.gen.ts'

/** Bytes that decide about a cut: those before it. */
export const WINDOW = 64

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
  propose(from: number, to: number, bits: number): number
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
  private readonly prf: KeyedHash
  private readonly limits: ChunkerLimits
  private readonly threshold: bigint

  constructor(kernel: Kernel, prf: KeyedHash, limits: ChunkerLimits) {
    this.kernel = kernel
    this.prf = prf
    this.limits = limits
    this.threshold = 2n ** 64n / BigInt(limits.oneOf)
  }

  cut(bytes: Uint8Array, cutKey: Uint8Array, final: boolean, scanned = 0): number | undefined {
    const { min, max } = this.limits
    const end = Math.min(bytes.length, max)
    const segment = this.kernel.segment()
    for (let first = Math.max(min, scanned + 1); first <= end; first += segment) {
      const found = this.search(bytes, first, Math.min(first + segment - 1, end), cutKey)
      if (found !== undefined) return found
    }
    if (end === max) return max
    return final && end > 0 ? end : undefined
  }

  /** The first position from `first` to `last` that is proposed and taken. */
  private search(bytes: Uint8Array, first: number, last: number, cutKey: Uint8Array): number | undefined {
    const { kernel } = this
    const start = first - WINDOW
    new Uint8Array(kernel.memory.buffer, kernel.input()).set(bytes.subarray(start, last))
    for (let next = first; next <= last; ) {
      const proposed = kernel.propose(next - start, last - start, this.limits.proposalBits)
      if (proposed === 0) return undefined
      const position = start + proposed
      if (this.takes(bytes.subarray(position - WINDOW, position), cutKey)) return position
      next = position + 1
    }
    return undefined
  }

  private takes(window: Uint8Array, cutKey: Uint8Array): boolean {
    const tag = this.prf.keyed(cutKey, window)
    return new DataView(tag.buffer, tag.byteOffset).getBigUint64(0) < this.threshold
  }
}
