import type { RecordView } from '../ports/network.ts'

/** The value of a tombstone (docs/formats/objects.md 5): its name has ended. */
export const GONE_PATH = '/shoal/gone/1'

/** All that decides which of two valid records of one name counts. */
export interface Ranked {
  /** Whether it is a tombstone. */
  readonly gone: boolean
  readonly sequence: bigint
  /** The record as it was signed. */
  readonly record: Uint8Array
}

/** A valid record as `compareRecords` weighs it. */
export function ranked<R extends Uint8Array>(view: Pick<RecordView, 'value' | 'sequence'>, record: R): Ranked & { readonly record: R } {
  return { gone: view.value === GONE_PATH, sequence: view.sequence, record }
}

/**
 * The order of valid records of one name, the same at every node: positive when `a` takes the place of `b`, 0 when they are the same. A tombstone is above
 * all that is none, whatever the sequences; then the higher sequence; then the bytes, read as a number of base 256 with the shorter one first.
 */
export function compareRecords(a: Ranked, b: Ranked): number {
  if (a.gone !== b.gone) return a.gone ? 1 : -1
  if (a.sequence !== b.sequence) return a.sequence > b.sequence ? 1 : -1
  if (a.record.length !== b.record.length) return a.record.length - b.record.length
  const at = a.record.findIndex((byte, i) => byte !== b.record[i])
  return at < 0 ? 0 : (a.record[at] ?? 0) - (b.record[at] ?? 0)
}

/** Whether `a` takes the place of `b`, which may be none. */
export function isNewer(a: Ranked, b: Ranked | undefined): boolean {
  return b === undefined || compareRecords(a, b) > 0
}
