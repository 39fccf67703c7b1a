import { readFile } from 'node:fs/promises'
import asc from 'assemblyscript/asc'

/** Bytes: as for Shoal's chunks, the middle being where FastCDC starts to cut more willingly. */
export interface GearLimits {
  readonly min: number
  readonly normal: number
  readonly max: number
}

interface Kernel {
  readonly memory: WebAssembly.Memory
  input(): number
  segment(): number
  draw(seed: number): void
  restart(): void
  search(length: number, bits: number): number
}

/** Level of normalised chunking, section 4.4 of the paper: by how many bits the masks differ from log2 of the normal size. */
const LEVEL = 2

const compiled = compile()

async function compile(): Promise<WebAssembly.Module> {
  const source = await readFile(new URL('gear.as', import.meta.url), 'utf8')
  const { binary, error } = await asc.compileString(source, { optimizeLevel: 3, converge: true, runtime: 'stub', noAssert: true })
  if (binary === null) throw new Error('gear.as does not compile', { cause: error })
  return WebAssembly.compile(Uint8Array.from(binary))
}

/** FastCDC with gear hashes and normalised chunking, compiled like Shoal's kernels. */
export class Gear {
  private readonly kernel: Kernel
  private readonly input: Uint8Array
  private readonly limits: GearLimits

  private constructor(kernel: Kernel, limits: GearLimits, seed: number) {
    this.kernel = kernel
    this.kernel.draw(seed)
    this.input = new Uint8Array(kernel.memory.buffer, kernel.input(), kernel.segment())
    this.limits = limits
  }

  /** `seed` decides the words that bytes stand for. */
  static async load(limits: GearLimits, seed: number): Promise<Gear> {
    return new Gear((await WebAssembly.instantiate(await compiled, {})).exports as unknown as Kernel, limits, seed)
  }

  /** The length of the chunk that begins `bytes`, which reach to the end of the file, or 16 MiB or more. */
  cut(bytes: Uint8Array): number {
    const { min, normal, max } = this.limits
    const bits = Math.log2(normal)
    const end = Math.min(bytes.length, max)
    this.kernel.restart()
    return this.search(bytes, min, Math.min(normal, end), bits + LEVEL) ?? this.search(bytes, normal, end, bits - LEVEL) ?? end
  }

  private search(bytes: Uint8Array, from: number, to: number, bits: number): number | undefined {
    for (let at = from; at < to; at += this.input.length) {
      const length = Math.min(this.input.length, to - at)
      this.input.set(bytes.subarray(at, at + length))
      const found = this.kernel.search(length, bits)
      if (found !== 0) return at + found
    }
    return undefined
  }
}
