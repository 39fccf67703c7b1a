import { createCipheriv, createHash } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { equal, utf8, type Bytes } from '../../base/bytes.ts'
import type { ChunkRows, CodedChunk, Coder, CoderKeys, Piece } from '../../ports/coder.ts'
import { createLocalCoder, loadKernels } from './local.ts'

const keys: CoderKeys = {
  cut: new Uint8Array(32).fill(1),
  dedup: new Uint8Array(32).fill(2),
  seal: new Uint8Array(32).fill(3),
}
const MIB = 2 ** 20

let coder: Coder
beforeAll(async () => {
  coder = createLocalCoder(await loadKernels())
})

/** Bytes that do not compress, the same in every run. */
function noise(length: number, seed: string): Bytes {
  const key = createHash('sha256').update(seed).digest()
  return new Uint8Array(createCipheriv('aes-256-ctr', key, new Uint8Array(16)).update(new Uint8Array(length)))
}

function endOf(pieces: readonly Piece[]): number {
  return pieces.reduce((end, { offset, length }) => Math.max(end, offset + length), 0)
}

async function cutAll(file: Blob): Promise<Piece[]> {
  const pieces: Piece[] = []
  for (let at = 0; at < file.size; at = endOf(pieces)) pieces.push(...(await coder.cut(file, at, keys)))
  return pieces
}

async function identify(file: Blob): Promise<Piece> {
  const [piece] = await coder.identify([file], keys)
  if (piece === undefined) throw new Error('no piece')
  return piece
}

/** Only the rows `indexes`. */
function rowsOf({ k, n, shardSize, shards }: CodedChunk, indexes: readonly number[]): ChunkRows {
  return { k, n, shardSize, rows: indexes.flatMap((index) => (shards[index] === undefined ? [] : [{ index, bytes: shards[index] }])) }
}

describe('cutting', () => {
  it('covers the file without gaps, in chunks of 1 to 16 MiB, and cuts again where it cut before after an insertion', async () => {
    const bytes = noise(24 * MIB, 'cut')
    const pieces = await cutAll(new Blob([bytes]))
    expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBe(bytes.length)
    for (const piece of pieces.slice(0, -1)) {
      expect(piece.length).toBeGreaterThanOrEqual(MIB)
      expect(piece.length).toBeLessThanOrEqual(16 * MIB)
    }
    expect(pieces.length).toBeGreaterThan(2)
    const moved = await cutAll(new Blob([utf8('something in front'), bytes]))
    const known = new Set(pieces.map((piece) => piece.id.join()))
    expect(moved.slice(1).filter((piece) => known.has(piece.id.join())).length).toBe(moved.length - 1)
  })

  it('gives a chunk of one byte its own end', async () => {
    expect(await coder.cut(new Blob([utf8('x')]), 0, keys)).toMatchObject([{ offset: 0, length: 1 }])
  })
})

describe('coding', () => {
  it('opens a pack from any k of its n rows, every file with its own frame', async () => {
    const files = [utf8('a'), utf8('{"json": [1, 2, 3]}'.repeat(2000)), noise(90_000, 'photo')]
    const pieces = await coder.identify(files.map((file) => new Blob([file])), keys)
    const coded = await coder.encode(pieces, keys, { k: 4, n: 9 })
    expect(coded.shards).toHaveLength(9)
    const subsets = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8], { minLength: 4, maxLength: 9 })
    await fc.assert(
      fc.asyncProperty(subsets, fc.nat(2), async (indexes, i) => {
        const frame = coded.frames[i]
        if (frame === undefined) throw new RangeError('frame')
        expect(await coder.decode(rowsOf(coded, indexes), frame)).toEqual(files[i])
      }),
      { numRuns: 40 },
    )
  })

  it('opens a frame from just the data rows that it lies in, though there are fewer than k', async () => {
    const files = [noise(50_000, '1'), noise(60_000, '2'), noise(70_000, '3')]
    const pieces = await coder.identify(files.map((file) => new Blob([file])), keys)
    const coded = await coder.encode(pieces, keys, { k: 10, n: 16 })
    const frame = coded.frames[1]!
    const first = Math.floor(frame.offset / coded.shardSize)
    const last = Math.floor((frame.offset + frame.length - 1) / coded.shardSize)
    const indexes = Array.from({ length: last - first + 1 }, (_, i) => first + i)
    expect(indexes.length).toBeLessThan(10)
    expect(await coder.decode(rowsOf(coded, indexes), frame)).toEqual(files[1])
    await expect(coder.decode(rowsOf(coded, indexes.slice(1)), frame)).rejects.toMatchObject({ code: 'erasure.too-few' })
  })

  it('notices a flipped bit in any row that it uses', async () => {
    const piece = await identify(new Blob([noise(5000, 'flip')]))
    const coded = await coder.encode([piece], keys, { k: 3, n: 5 })
    for (const index of [0, 1, 2, 3, 4]) {
      const shards = coded.shards.map((shard, i) => (i === index ? shard.map((byte, at) => (at === 700 ? byte ^ 1 : byte)) : shard))
      const rows = rowsOf({ ...coded, shards }, [0, 1, 2].includes(index) ? [0, 1, 2] : [0, index, index === 3 ? 4 : 3])
      await expect(coder.decode(rows, coded.frames[0]!)).rejects.toMatchObject({ kind: 'corrupt', code: 'chunk.damaged' })
    }
  })

  it('opens chunks at the same time whose segments reach over the ends of rows', async () => {
    const files = [noise(3 * MIB, 'left'), noise(2 * MIB, 'right')]
    const rows: { rows: ChunkRows; coded: CodedChunk }[] = []
    for (const file of files) {
      const coded = await coder.encode([await identify(new Blob([file]))], keys, { k: 10, n: 16 })
      rows.push({ coded, rows: rowsOf(coded, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) })
    }
    const opened = await Promise.all(rows.map(({ rows: given, coded }) => coder.decode(given, coded.frames[0]!)))
    expect(opened.map((plaintext, i) => equal(plaintext, files[i]!))).toEqual([true, true])
  })

  it('refuses a frame that lies outside its chunk', async () => {
    const piece = await identify(new Blob([utf8('abc')]))
    const coded = await coder.encode([piece], keys, { k: 2, n: 3 })
    const frame = { ...coded.frames[0]!, offset: 2 * coded.shardSize }
    await expect(coder.decode(rowsOf(coded, [0, 1]), frame)).rejects.toMatchObject({ kind: 'corrupt', code: 'chunk.damaged' })
  })
})

describe('every size around an edge', () => {
  const LEAF = 1024
  const SEGMENT = 256 * 1024
  const around = (edge: number): number[] => [edge - 1, edge, edge + 1]
  // A frame is 16 bytes longer than its body; a data row a multiple of 64; ten rows make a chunk.
  const sizes = [1, 2, ...around(10 * 64 - 32), ...around(LEAF), ...around(10 * LEAF - 32), ...around(SEGMENT - 16), ...around(SEGMENT), ...around(2 * SEGMENT - 16), ...around(MIB)]

  it.each(sizes)('%i bytes come back from any ten of sixteen rows', async (size) => {
    const bytes = noise(size, String(size))
    for (const piece of size < MIB ? await coder.identify([new Blob([bytes])], keys) : await coder.cut(new Blob([bytes]), 0, keys)) {
      const coded = await coder.encode([piece], keys, { k: 10, n: 16 })
      const plain = bytes.subarray(piece.offset, piece.offset + piece.length)
      for (const first of [0, 3, 6]) expect(equal(await coder.decode(rowsOf(coded, Array.from({ length: 10 }, (_, i) => first + i)), coded.frames[0]!), plain)).toBe(true)
    }
  })

  it.each(around(16 * MIB))('%i bytes without a place to cut are chunks of 16 MiB and a rest', async (size) => {
    const bytes = new Uint8Array(size).fill(7)
    const pieces = await cutAll(new Blob([bytes]))
    expect(pieces.map(({ length }) => length)).toEqual(size > 16 * MIB ? [16 * MIB, size - 16 * MIB] : [size])
    for (const piece of pieces) {
      const coded = await coder.encode([piece], keys, { k: 10, n: 16 })
      const plain = await coder.decode(rowsOf(coded, [6, 7, 8, 9, 10, 11, 12, 13, 14, 15]), coded.frames[0]!)
      expect(equal(plain, bytes.subarray(0, piece.length))).toBe(true)
    }
  })
})

describe('what was just cut or identified', () => {
  it('is sealed as it was read then, without being read again', async () => {
    const gone = { size: 0, slice: () => ({ arrayBuffer: () => Promise.reject(new Error('read again')) }) } as unknown as Blob
    const large = noise(9 * MIB, 'held')
    let at = 0
    for (const piece of await coder.cut(new Blob([large]), 0, keys)) {
      const coded = await coder.encode([{ ...piece, source: gone }], keys, { k: 4, n: 6 })
      expect(await coder.decode(rowsOf(coded, [0, 1, 2, 3]), coded.frames[0]!)).toEqual(large.subarray(at, (at += piece.length)))
    }
    expect(at).toBe(large.length)
    const small = [utf8('one'), noise(70_000, 'two')]
    const pieces = await coder.identify(small.map((bytes) => new Blob([bytes])), keys)
    const pack = await coder.encode(pieces.map((piece) => ({ ...piece, source: gone })), keys, { k: 2, n: 3 })
    expect(pack.compressed).toBe(70_003)
    const sealed = await coder.join(rowsOf(pack, [1, 2]))
    const opened = await coder.open(pack.frames.map((frame) => ({ frame, sealed: sealed.slice(frame.offset, frame.offset + frame.length) })))
    expect(opened).toEqual(small)
  })

  it('gives the same frames, keys and shards as what is read again', async () => {
    const file = new Blob([noise(1.2 * MIB, 'again')])
    const [piece] = await coder.cut(file, 0, keys)
    const first = await coder.encode([piece!], keys, { k: 3, n: 5 })
    const second = await coder.encode([piece!], keys, { k: 3, n: 5 })
    expect(second).toEqual(first)
  })
})

describe('a file that does not stay as it was', () => {
  it('is noticed when its bytes changed', async () => {
    const piece = await identify(new Blob([utf8('before')]))
    const changed = { ...piece, source: new Blob([utf8('behind')]) }
    await identify(new Blob([utf8('something else')]))
    await expect(coder.encode([changed], keys, { k: 1, n: 2 })).rejects.toMatchObject({ kind: 'transient', code: 'file.changed' })
  })

  it('is unreadable when it became shorter, or cannot be read at all', async () => {
    const piece = await identify(new Blob([utf8('before')]))
    const shorter = { ...piece, source: new Blob([utf8('be')]) }
    await identify(new Blob([utf8('something else')]))
    await expect(coder.encode([shorter], keys, { k: 1, n: 2 })).rejects.toMatchObject({ kind: 'transient', code: 'file.unreadable' })
    const lost = { size: 10, slice: () => ({ arrayBuffer: () => Promise.reject(new DOMException('gone', 'NotReadableError')) }) } as unknown as Blob
    await expect(coder.cut(lost, 0, keys)).rejects.toMatchObject({ kind: 'transient', code: 'file.unreadable' })
  })

  it('is left alone once the job is cancelled', async () => {
    const signal = AbortSignal.abort()
    await expect(coder.identify([new Blob([utf8('x')])], keys, signal)).rejects.toMatchObject({ kind: 'aborted' })
  })
})
