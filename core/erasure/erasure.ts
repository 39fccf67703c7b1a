import type { Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { instantiate, type Build } from '../base/wasm.ts'
import { Galois } from './galois.ts'
import { kernels } from './kernel.gen.ts'
import { generatorRow, restoringRows } from './matrix.ts'
import { MAX_K, MAX_N, checkShape, isCount, sameSize } from './rows.ts'

/** A row of a sealed chunk and its number, 0 … 63. */
export interface Row {
  readonly index: number
  readonly bytes: Uint8Array
}

/** The systematic Cauchy Reed-Solomon code of docs/formats/chunk.md 5. All synchronous; inputs are only read. */
export interface Erasure {
  /**
   * The parity rows k … n-1 of k data rows, 1 to 32, of one size that is a multiple of 64 bytes.
   * Throws `invalid` `erasure.shape`.
   */
  encode(data: readonly Uint8Array[], n: number): Bytes[]
  /**
   * The rows `wanted`, data or parity, in that order, from any k different rows of one size. More than k are welcome, but not compared.
   * Throws `transient` `erasure.too-few` with `have` and `need`; `invalid` `erasure.shape`.
   */
  restore(rows: readonly Row[], k: number, wanted: readonly number[]): Bytes[]
}

interface Kernel {
  readonly memory: WebAssembly.Memory
  stripe(): number
  pitch(): number
  inputs(): number
  output(): number
  tables(): number
  code(row: number, k: number, length: number): void
}

/** Bytes of the lookup tables of one coefficient. */
const TABLE = 32

/** Loads the kernel, in no better a build than `best`. Throws `invalid` `kernel.unsupported`. */
export async function loadErasure(best?: Build): Promise<Erasure> {
  return new KernelErasure(await instantiate<Kernel>(kernels, best))
}

class KernelErasure implements Erasure {
  private readonly kernel: Kernel
  private readonly field = new Galois()

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  encode(data: readonly Uint8Array[], n: number): Bytes[] {
    const k = data.length
    checkShape(isCount(k, 1, MAX_K) && isCount(n, k, MAX_N) && sameSize(data), { k, n, size: data[0]?.length ?? 0 })
    const parity = Array.from({ length: n - k }, (_, i) => generatorRow(this.field, k + i, k))
    return this.combine(data, parity)
  }

  restore(rows: readonly Row[], k: number, wanted: readonly number[]): Bytes[] {
    checkShape(isCount(k, 1, MAX_K), { k })
    const given = rows.map((row) => row.index)
    checkShape(areRows(given) && areRows(wanted), { k, rows: rows.length, wanted: wanted.length })
    if (rows.length < k) {
      throw new AppError('transient', 'erasure.too-few', 'too few rows to restore a chunk', { data: { have: rows.length, need: k } })
    }
    checkShape(sameSize(rows.map((row) => row.bytes)), { k, rows: rows.length })
    // Data rows first: each of them makes the matrix sparser and the inversion cheaper.
    const used = [...rows].sort((a, b) => a.index - b.index).slice(0, k)
    const factors = restoringRows(
      this.field,
      used.map((row) => row.index),
      wanted,
    )
    return this.combine(
      used.map((row) => row.bytes),
      factors,
    )
  }

  /** For each list of factors, the sum of the inputs multiplied by them. */
  private combine(inputs: readonly Uint8Array[], factors: readonly Uint8Array[]): Bytes[] {
    const { kernel } = this
    const { buffer } = kernel.memory
    const stripe = kernel.stripe()
    const pitch = kernel.pitch()
    const size = inputs[0]?.length ?? 0
    const input = new Uint8Array(buffer, kernel.inputs(), inputs.length * pitch)
    const output = new Uint8Array(buffer, kernel.output(), stripe)
    this.setTables(factors)
    const sums = factors.map(() => new Uint8Array(size))
    for (let at = 0; at < size; at += stripe) {
      const length = Math.min(stripe, size - at)
      inputs.forEach((row, j) => {
        input.set(row.subarray(at, at + length), j * pitch)
      })
      sums.forEach((sum, r) => {
        kernel.code(r, inputs.length, length)
        sum.set(output.subarray(0, length), at)
      })
    }
    return sums
  }

  /** Products of each factor by 0 … 15, then by 0, 16 … 240. */
  private setTables(factors: readonly Uint8Array[]): void {
    const tables = new Uint8Array(this.kernel.memory.buffer, this.kernel.tables(), MAX_N * MAX_K * TABLE)
    let at = 0
    for (const row of factors) {
      for (const factor of row) {
        for (let i = 0; i < TABLE; i++) tables[at++] = this.field.times(factor, i < 16 ? i : (i - 16) << 4)
      }
    }
  }
}

/** Whether these are numbers of rows, none twice. */
function areRows(indexes: readonly number[]): boolean {
  return indexes.every((index) => isCount(index, 0, MAX_N - 1)) && new Set(indexes).size === indexes.length
}
