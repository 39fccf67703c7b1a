import { AppError } from '../base/errors.ts'
import type { Galois } from './galois.ts'

/** Row `r` of the generator matrix over k data rows (docs/formats/chunk.md 5): identity, then Cauchy 1 / (r XOR j). */
export function generatorRow(field: Galois, r: number, k: number): Uint8Array {
  return Uint8Array.from({ length: k }, (_, j) => (r < k ? Number(r === j) : field.inverse(r ^ j)))
}

/** What to multiply the rows `present` by, and sum, to get each row of `wanted`. `present` are k different rows. */
export function restoringRows(field: Galois, present: readonly number[], wanted: readonly number[]): Uint8Array[] {
  const k = present.length
  const inverse = invert(field, present.map((r) => generatorRow(field, r, k)))
  return wanted.map((r) => {
    const sum = new Uint8Array(k)
    generatorRow(field, r, k).forEach((factor, j) => {
      addMultiple(field, sum, inverse[j] ?? sum, factor)
    })
    return sum
  })
}

/** Gauss-Jordan elimination of a square matrix. Throws `bug` `erasure.singular`, which no k rows of the generator matrix are. */
export function invert(field: Galois, rows: readonly Uint8Array[]): Uint8Array[] {
  const size = rows.length
  const work = rows.map((row, i) => {
    const wide = new Uint8Array(2 * size)
    wide.set(row)
    wide[size + i] = 1
    return wide
  })
  for (let column = 0; column < size; column++) {
    const from = work.findIndex((row, i) => i >= column && row[column] !== 0)
    const pivot = work[from]
    const displaced = work[column]
    if (pivot === undefined || displaced === undefined) throw new AppError('bug', 'erasure.singular', 'a matrix has no inverse')
    work[from] = displaced
    work[column] = pivot
    const scale = field.inverse(pivot[column] ?? 0)
    for (let i = 0; i < pivot.length; i++) pivot[i] = field.times(pivot[i] ?? 0, scale)
    for (const row of work) if (row !== pivot) addMultiple(field, row, pivot, row[column] ?? 0)
  }
  return work.map((row) => row.slice(size))
}

function addMultiple(field: Galois, to: Uint8Array, row: Uint8Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] ?? 0) ^ field.times(row[i] ?? 0, factor)
}
