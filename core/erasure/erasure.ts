import type { Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { instantiate, type Build } from '../base/wasm.ts'
import { Galois } from './galois.ts'
import { kernels } from './kernel.gen.ts'
import { generatorRow, restoringRows } from './matrix.ts'
import { Recent } from './recent.ts'
import { MAX_K, MAX_N, checkShape, isCount, sameSize } from './rows.ts'

/** A row of a sealed chunk and its number, 0 … 63. */
export interface Row {
  readonly index: number
  readonly bytes: Uint8Array
}

/**
 * The systematic Cauchy Reed-Solomon code of docs/formats/chunk.md 5. All synchronous; inputs are only read.
 * Rows come in new memory, or in that of `into`: as many rows of the same size, none of them an input. Fresh pages cost a browser more than the
 * code does, so a caller that works through many chunks gives the rows that it is done with.
 */
export interface Erasure {
  /**
   * The parity rows k … n-1 of k data rows, 1 to 32, of one size that is a multiple of 64 bytes.
   * Throws `invalid` `erasure.shape`.
   */
  encode(data: readonly Uint8Array[], n: number, into?: readonly Bytes[]): Bytes[]
  /**
   * The rows `wanted`, data or parity, in that order, from any k different rows of one size. More than k are welcome, but not compared.
   * Throws `transient` `erasure.too-few` with `have` and `need`; `invalid` `erasure.shape`.
   */
  restore(rows: readonly Row[], k: number, wanted: readonly number[], into?: readonly Bytes[]): Bytes[]
}

/** A build of the kernel; assembly/layout.ts says where things lie in its memory. */
interface Kernel {
  readonly memory: WebAssembly.Memory
  stripe(): number
  pitch(): number
  inputs(): number
  factors(): number
  outputs(): number
  prepare(k: number, rows: number): void
  code(k: number, rows: number, length: number): void
}

/** Matrices that are kept: those of a chunk's coding, and of the losses of the hosts that fail at one time. The largest take 2 KiB each. */
const MATRICES = 16

/** Loads the kernel, in no better a build than `best`. Throws `invalid` `kernel.unsupported`. */
export async function loadErasure(best?: Build): Promise<Erasure> {
  return new KernelErasure(await instantiate<Kernel>(kernels, best))
}

class KernelErasure implements Erasure {
  private readonly kernel: Kernel
  private readonly field = new Galois()
  /** By which rows are there and which are wanted. */
  private readonly matrices = new Recent<readonly Uint8Array[]>(MATRICES)
  private readonly memory: Uint8Array
  private readonly stripe: number
  private readonly pitch: number
  private readonly inputsAt: number
  private readonly outputsAt: number

  constructor(kernel: Kernel) {
    this.kernel = kernel
    this.memory = new Uint8Array(kernel.memory.buffer)
    this.stripe = kernel.stripe()
    this.pitch = kernel.pitch()
    this.inputsAt = kernel.inputs()
    this.outputsAt = kernel.outputs()
  }

  encode(data: readonly Uint8Array[], n: number, into?: readonly Bytes[]): Bytes[] {
    const k = data.length
    checkShape(isCount(k, 1, MAX_K) && isCount(n, k, MAX_N) && sameSize(data), { k, n, size: data[0]?.length ?? 0 })
    const parity = this.matrices.get(`${String(k)} of ${String(n)}`, () =>
      Array.from({ length: n - k }, (_, i) => generatorRow(this.field, k + i, k)),
    )
    return this.combine(data, parity, into)
  }

  restore(rows: readonly Row[], k: number, wanted: readonly number[], into?: readonly Bytes[]): Bytes[] {
    checkShape(isCount(k, 1, MAX_K), { k })
    const given = rows.map((row) => row.index)
    checkShape(areRows(given) && areRows(wanted), { k, rows: rows.length, wanted: wanted.length })
    if (rows.length < k) {
      throw new AppError('transient', 'erasure.too-few', 'too few rows to restore a chunk', { data: { have: rows.length, need: k } })
    }
    checkShape(sameSize(rows.map((row) => row.bytes)), { k, rows: rows.length })
    // Data rows first: each of them makes the matrix sparser and the inversion cheaper.
    const used = [...rows].sort((a, b) => a.index - b.index).slice(0, k)
    const present = used.map((row) => row.index)
    const factors = this.matrices.get(`${present.join()} to ${wanted.join()}`, () => restoringRows(this.field, present, wanted))
    return this.combine(
      used.map((row) => row.bytes),
      factors,
      into,
    )
  }

  /** For each list of factors, the sum of the inputs multiplied by them. */
  private combine(inputs: readonly Uint8Array[], factors: readonly Uint8Array[], into?: readonly Bytes[]): Bytes[] {
    const size = inputs[0]?.length ?? 0
    const sums = into?.slice() ?? factors.map(() => new Uint8Array(size))
    checkShape(sums.length === factors.length && sums.every((sum) => sum.length === size), { rows: factors.length, into: sums.length, size })
    const { kernel, memory, stripe, pitch, inputsAt, outputsAt } = this
    const k = inputs.length
    factors.forEach((row, r) => {
      memory.set(row, kernel.factors() + r * k)
    })
    kernel.prepare(k, factors.length)
    for (let at = 0; at < size; at += stripe) {
      const length = Math.min(stripe, size - at)
      inputs.forEach((row, j) => {
        memory.set(row.subarray(at, at + length), inputsAt + j * pitch)
      })
      kernel.code(k, factors.length, length)
      sums.forEach((sum, r) => {
        sum.set(memory.subarray(outputsAt + r * pitch, outputsAt + r * pitch + length), at)
      })
    }
    return sums
  }
}

/** Whether these are numbers of rows, none twice. */
function areRows(indexes: readonly number[]): boolean {
  return indexes.every((index) => isCount(index, 0, MAX_N - 1)) && new Set(indexes).size === indexes.length
}
