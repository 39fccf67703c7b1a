import { AppError } from '../base/errors.ts'

/** Most data rows and most rows in all: the matrix is defined up to row 63 (docs/formats/chunk.md 5). */
export const MAX_K = 32
export const MAX_N = 64

/** Rows are a multiple of this many bytes. */
export const ROW_UNIT = 64

/** Bytes of each of the k rows of a sealed chunk of `length` bytes. Throws `invalid` `erasure.shape`. */
export function shardSize(length: number, k: number): number {
  checkShape(isCount(k, 1, MAX_K) && isCount(length, 1, Number.MAX_SAFE_INTEGER), { length, k })
  return Math.ceil(Math.ceil(length / k) / ROW_UNIT) * ROW_UNIT
}

/** Throws `invalid` `erasure.shape` unless `fits`. */
export function checkShape(fits: boolean, data: Readonly<Record<string, number>>): void {
  if (!fits) throw new AppError('invalid', 'erasure.shape', 'these are not rows of one chunk', { data })
}

/** Whether `value` is a whole number from `min` to `max`. */
export function isCount(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max
}

/** Whether all rows have one size that rows can have. */
export function sameSize(rows: readonly Uint8Array[]): boolean {
  const size = rows[0]?.length ?? 0
  return size > 0 && size % ROW_UNIT === 0 && rows.every((row) => row.length === size)
}
