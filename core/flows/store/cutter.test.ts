import { describe, expect, test } from 'vitest'
import { AppError } from '../../base/errors.ts'
import { Gate } from '../../base/gate.ts'
import type { CodedChunk, Coder, CoderKeys, Piece } from '../../ports/coder.ts'
import type { FileEntry } from '../list/entry.ts'
import { Cutter } from './cutter.ts'
import type { Keeper, Member } from './keeper.ts'
import type { Outbox } from './outbox.ts'

const PIECES = 16
const keys = {} as CoderKeys
const source = new Blob(['x'.repeat(PIECES)])
const file = { record: { sealedBytes: 0 } } as unknown as FileEntry
const coded = { shards: [] } as unknown as CodedChunk

/** A cutter of 16 pieces of a byte each, found at once, with one lane; `known` says what is known of a piece. */
function cutter(known: (at: number) => Promise<undefined>): { cutter: Cutter; kept: number[]; gate: Gate; most: () => number } {
  const kept: number[] = []
  const gate = new Gate(1000)
  let [now, most] = [0, 0]
  const coder = {
    lanes: 1,
    cut: () => Promise.resolve(Array.from({ length: PIECES }, (_, offset): Piece => ({ offset, length: 1 }) as Piece)),
    encode: () => {
      most = Math.max(most, ++now)
      return Promise.resolve(coded)
    },
  } as unknown as Coder
  const keeper = {
    known: ({ piece }: Member) => known(piece.offset),
    keep: async ([member]: readonly Member[]) => {
      await Promise.resolve()
      now--
      kept.push(member?.piece.offset ?? -1)
    },
  } as unknown as Keeper
  return { cutter: new Cutter({ coder, keeper, outbox: { gate } as unknown as Outbox, redundancy: { k: 1, n: 1 } }), kept, gate, most: () => most }
}

const unknown = Promise.resolve(undefined)
const on = new AbortController().signal

describe('cutting a file', () => {
  test('writes pieces down in their order, whatever is known first, and codes few ahead', async () => {
    const { cutter: one, kept, gate, most } = cutter((at) => (at % 3 === 0 ? new Promise((resolve) => setTimeout(resolve, 3, undefined)) : unknown))
    await one.cut(file, source, keys, on)
    expect(kept).toEqual(Array.from({ length: PIECES }, (_, i) => i))
    expect(most()).toBeLessThanOrEqual(2)
    expect(gate.taken).toBe(0)
  })

  test.each([0, 1, 5, 8, 15])('ends with the error when the list cannot be asked about piece %i, what is before it kept', async (bad) => {
    const failure = new AppError('transient', 'meta.failed', 'the disk')
    const { cutter: one, kept, gate } = cutter((at) => (at === bad ? Promise.reject(failure) : unknown))
    await expect(one.cut(file, source, keys, on)).rejects.toBe(failure)
    expect(kept).toEqual(Array.from({ length: bad }, (_, i) => i))
    expect(gate.taken).toBe(0)
  })
})
