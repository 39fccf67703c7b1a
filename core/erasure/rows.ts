import type { Bytes } from '../base/bytes.ts'
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

/** A sealed chunk, at least 1 byte, as k data rows of `shardSize` bytes each, filled with zeros. Throws `invalid` `erasure.shape`. */
export function split(sealed: Uint8Array, k: number): Bytes[] {
  const size = shardSize(sealed.length, k)
  return Array.from({ length: k }, (_, i) => {
    const row = new Uint8Array(size)
    row.set(sealed.subarray(i * size, (i + 1) * size))
    return row
  })
}

/**
 * The reverse of `split`: the sealed chunk of `length` bytes from all its data rows, in order.
 * Throws `invalid` `erasure.shape` when such a chunk has other rows, `corrupt` `chunk.fill` when the fill is not all zeros.
 */
export function join(rows: readonly Uint8Array[], length: number): Bytes {
  const size = shardSize(length, rows.length)
  checkShape(rows.every((row) => row.length === size), { length, k: rows.length, size })
  const sealed = new Uint8Array(length)
  rows.forEach((row, i) => {
    const start = Math.min(i * size, length)
    const data = Math.min(length - start, size)
    sealed.set(row.subarray(0, data), start)
    if (row.subarray(data).some((byte) => byte !== 0)) {
      throw new AppError('corrupt', 'chunk.fill', 'the fill after a sealed chunk is not zero', { data: { row: i } })
    }
  })
  return sealed
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
