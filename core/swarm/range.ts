import { AppError } from '../base/errors.ts'
import { LEAF } from '../merkle/blake3.ts'

/** Part of a shard, in bytes. */
export interface Range {
  readonly offset: number
  readonly length: number
}

/** A range widened to whole leaves. */
export interface LeafRange extends Range {
  readonly first: number
  readonly leaves: number
}

/** The whole leaves around `range` in a shard of `size` bytes. Throws `invalid` `shard.range` when it is empty or reaches beyond the end. */
export function rangeOf(range: Range, size: number): LeafRange {
  const { offset, length } = range
  const sound = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length > 0
  if (!sound || offset + length > size) throw new AppError('invalid', 'shard.range', 'the range lies outside the shard')
  const first = Math.floor(offset / LEAF)
  const leaves = Math.ceil((offset + length) / LEAF) - first
  return { first, leaves, offset: first * LEAF, length: Math.min(size, (first + leaves) * LEAF) - first * LEAF }
}
