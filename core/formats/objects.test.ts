import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, equal, type Bytes } from '../base/bytes.ts'
import { arbitraryBytes, codecContract, formatOf } from '../testkit/codec-contract.ts'
import { nobleBlake3 } from '../testkit/noble-blake3.ts'
import { decode, encode } from './codec.ts'
import { chunkEntry, parityEntry, sealedName, type ChunkEntry } from './entry.ts'
import { FRAME_HEADER, decodeFrameHeader, encodeFrameHeader, frameLengthOf, sealedLength, SEGMENT, TAG } from './frame.ts'
import { branchesOf, decodeNode, leavesOf, NODE_BYTES, totals, treeNode, type TreeChild, type TreeNode } from './tree-node.ts'

const hash = arbitraryBytes(32)

const entries: fc.Arbitrary<ChunkEntry> = fc
  .record({ k: fc.integer({ min: 1, max: 32 }), blocks: fc.integer({ min: 1, max: 32_768 }), start: fc.nat(), key: hash, hash, size: fc.integer({ min: 1, max: 2 ** 24 }) })
  .chain(({ k, blocks, start, key, hash, size }) => {
    const whole = k * blocks * 64
    const offset = start % (whole - 16)
    const roots = fc.array(arbitraryBytes(32), { minLength: k, maxLength: k })
    return fc.record({
      k: fc.constant(k),
      shardSize: fc.constant(blocks * 64),
      offset: fc.constant(offset),
      length: fc.integer({ min: 17, max: whole - offset }),
      key: fc.constant(key),
      hash: fc.constant(hash),
      size: fc.constant(size),
      roots,
    })
  })

const child: fc.Arbitrary<TreeChild> = fc.record({
  count: fc.integer({ min: 1, max: 2 ** 40 }),
  size: fc.maxSafeNat(),
  name: hash,
  length: fc.nat(65_536),
  key: hash,
})

const nodes: fc.Arbitrary<TreeNode> = fc.oneof(
  fc.record({
    kind: fc.constant('leaf' as const),
    entries: fc.array(fc.nat(60).chain(arbitraryBytes), { minLength: 1, maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('branch' as const), children: fc.array(child, { minLength: 1, maxLength: 8 }) }),
)

codecContract('a chunk entry', formatOf(chunkEntry), entries)
codecContract('a parity entry', formatOf(parityEntry), fc.array(hash, { maxLength: 8 }))
codecContract('a tree node', formatOf(treeNode), nodes)
codecContract(
  'a frame header',
  {
    encode: encodeFrameHeader,
    decode: (bytes) => {
      if (bytes.length > FRAME_HEADER) decodeFrameHeader(new Uint8Array(0))
      return decodeFrameHeader(bytes, 2 ** 25)
    },
  },
  fc.nat(2 ** 24).chain((size) =>
    fc.oneof(
      fc.constant({ compression: 'none' as const, size, bodyLength: size }),
      fc.record({ compression: fc.constant('deflate' as const), size: fc.constant(size), bodyLength: fc.nat(2 ** 24) }),
    ),
  ),
)

describe('a chunk entry', () => {
  const sound: ChunkEntry = {
    k: 2,
    shardSize: 128,
    offset: 0,
    length: 256,
    key: new Uint8Array(32),
    hash: new Uint8Array(32),
    size: 1,
    roots: [new Uint8Array(32), new Uint8Array(32)],
  }
  const wrong: Partial<ChunkEntry>[] = [
    { k: 0, roots: [] },
    { k: 33 },
    { shardSize: 0 },
    { shardSize: 130 },
    { shardSize: 2 ** 21 + 64 },
    { length: 16 },
    { offset: 1 },
    { length: 257 },
    { size: 0 },
    { size: 2 ** 24 + 1 },
    { roots: [new Uint8Array(32)] },
    { roots: [new Uint8Array(32), new Uint8Array(31)] },
  ]

  it('cannot be written with fields that objects.md 2 forbids', () => {
    expect(decode(chunkEntry, encode(chunkEntry, sound))).toEqual(sound)
    for (const part of wrong) {
      expect(() => encode(chunkEntry, { ...sound, ...part })).toThrow(expect.objectContaining({ code: 'format.unencodable' }))
    }
  })

  it('is refused when its frame ends behind its chunk', () => {
    const encoded = encode(chunkEntry, sound)
    encoded[3] = 1 // offset
    expect(() => decode(chunkEntry, encoded)).toThrow(expect.objectContaining({ code: 'format.range' }))
  })

  it('names its sealed chunk by the hash of its data roots in order', () => {
    const blake3 = nobleBlake3()
    const roots = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    expect(sealedName(roots, blake3)).toEqual(blake3.hash(concat(roots)))
    expect(equal(sealedName(roots.reverse(), blake3), sealedName(roots.toReversed(), blake3))).toBe(false)
  })
})

describe('a tree', () => {
  const entry = (length: number): Bytes => new Uint8Array(length)

  it('has leaves that hold all entries in order, each as full as it may be', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 16_384 }), { minLength: 1, maxLength: 60 }), (lengths) => {
        const all = lengths.map(entry)
        const leaves = leavesOf(all)
        expect(leaves.flatMap((leaf) => (leaf.kind === 'leaf' ? leaf.entries : []))).toEqual(all)
        for (const [i, leaf] of leaves.entries()) {
          expect(encode(treeNode, leaf).length).toBeLessThanOrEqual(NODE_BYTES)
          const next = leaves[i + 1]
          if (leaf.kind !== 'leaf' || next?.kind !== 'leaf') continue
          const more: TreeNode = { kind: 'leaf', entries: [...leaf.entries, ...next.entries.slice(0, 1)] }
          // The count may take one byte less than was set aside for it.
          expect(encode(treeNode, more).length).toBeGreaterThan(NODE_BYTES - 1)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('has at most 4096 entries in a leaf and 512 children in a branch', () => {
    expect(leavesOf(Array.from({ length: 5_000 }, () => entry(1))).map((leaf) => totals(leaf, 'placement').count)).toEqual([4_096, 904])
    const one: TreeChild = { count: 2, size: 3, name: new Uint8Array(32), length: 1, key: new Uint8Array(32) }
    const branches = branchesOf(Array.from({ length: 600 }, () => one))
    expect(branches.map((branch) => totals(branch, 'manifest'))).toEqual([
      { count: 1_024, size: 1_536 },
      { count: 176, size: 264 },
    ])
    expect(leavesOf([])).toEqual([])
  })

  it('counts the plaintext below a manifest leaf, and none below a placement leaf', () => {
    fc.assert(
      fc.property(fc.array(entries, { minLength: 1, maxLength: 4 }), (all) => {
        const leaf: TreeNode = { kind: 'leaf', entries: all.map((one) => encode(chunkEntry, one)) }
        expect(totals(leaf, 'manifest')).toEqual({ count: all.length, size: all.reduce((sum, one) => sum + one.size, 0) })
        expect(totals(leaf, 'placement')).toEqual({ count: all.length, size: 0 })
      }),
      { numRuns: 20 },
    )
  })

  it('is refused when a node is over 48 KiB or a sum is beyond 2^53', () => {
    const node: TreeNode = { kind: 'leaf', entries: Array.from({ length: 4 }, () => entry(12_400)) }
    expect(() => decodeNode(encode(treeNode, node))).toThrow(expect.objectContaining({ code: 'format.range' }))
    const huge: TreeChild = { count: 1, size: Number.MAX_SAFE_INTEGER, name: new Uint8Array(32), length: 1, key: new Uint8Array(32) }
    expect(() => totals({ kind: 'branch', children: [huge, huge] }, 'manifest')).toThrow(expect.objectContaining({ code: 'format.range' }))
  })
})

describe('sealed lengths', () => {
  it('are 16 bytes per segment more, and lead back to the frame', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 25 }), (length) => {
        const sealed = sealedLength(length)
        expect(sealed).toBe(length + 16 * Math.ceil(length / 262_144))
        expect(frameLengthOf(sealed)).toBe(length)
      }),
    )
  })

  it('that no frame has are refused', () => {
    const whole = SEGMENT + TAG
    for (const length of [0, 1, 16, whole + 1, whole + 16, 3 * whole + 16]) {
      expect(() => frameLengthOf(length)).toThrow(expect.objectContaining({ code: 'format.short' }))
    }
    expect(frameLengthOf(whole + 17)).toBe(SEGMENT + 1)
  })
})
