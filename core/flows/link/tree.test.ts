import { beforeAll, expect, test } from 'vitest'
import { toHex, type Bytes } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import { encode } from '../../formats/codec.ts'
import { chunkEntry, parityEntry, type ChunkEntry } from '../../formats/entry.ts'
import type { TreeNode } from '../../formats/tree-node.ts'
import { loadBlake3, type Blake3 } from '../../merkle/blake3.ts'
import type { SealedObject } from '../../seal/object.ts'
import { FakeClock } from '../../testkit/fake-clock.ts'
import { SeededRandom } from '../../testkit/seeded-random.ts'
import { SharedPieces } from '../fetch/shared.ts'
import { TreeBuilder } from './tree.ts'

let blake3: Blake3
beforeAll(async () => {
  blake3 = await loadBlake3()
})

/** Entries of a file of `count` pieces, and what its trees leave on hosts. */
async function trees(count: number): Promise<{ entries: ChunkEntry[]; manifest: TreeNode; placement: TreeNode; nodes: Map<string, Bytes> }> {
  const random = new SeededRandom(count)
  const nodes = new Map<string, Bytes>()
  const sealKey = random.bytes(32)
  const store = (node: SealedObject): Promise<void> => {
    nodes.set(toHex(node.name), node.bytes)
    return Promise.resolve()
  }
  const manifest = new TreeBuilder(sealKey, blake3, store)
  const placement = new TreeBuilder(sealKey, blake3, store)
  const entries: ChunkEntry[] = []
  for (let i = 0; i < count; i++) {
    const roots = Array.from({ length: 10 }, () => random.bytes(32))
    const entry = { k: 10, shardSize: 64, offset: 0, length: 100, key: random.bytes(32), hash: random.bytes(32), size: random.integer(1, 5000), roots }
    entries.push(entry)
    await manifest.add({ encoded: encode(chunkEntry, entry), size: entry.size })
    await placement.add({ encoded: encode(parityEntry, [roots[0] ?? new Uint8Array(32)]), size: 0 })
  }
  return { entries, manifest: await manifest.finish(), placement: await placement.finish(), nodes }
}

function piecesOver({ entries, manifest, placement, nodes }: Awaited<ReturnType<typeof trees>>): SharedPieces {
  const hosts = [{ key: new Uint8Array(32), addresses: [] }]
  const groups = [{ chunks: entries.length, rows: Array.from({ length: 11 }, () => 0) }]
  const getShard = (_: string, root: string): Promise<Bytes> => {
    const bytes = nodes.get(root)
    return bytes === undefined ? Promise.reject(new AppError('absent', 'shard.absent', 'no such node')) : Promise.resolve(bytes)
  }
  return new SharedPieces({ kind: 'stored', hosts, groups, manifest, placement }, { blake3, clock: new FakeClock(), getShard })
}

const { signal } = new AbortController()

test.each([
  [1, 0],
  [20, 0],
  [400, 3],
  [20_000, 170],
])('the trees of %i pieces give the piece at every position', async (count, least) => {
  const made = await trees(count)
  expect(made.nodes.size).toBeGreaterThanOrEqual(least)
  const pieces = piecesOver(made)
  const step = Math.ceil(count / 300)
  let start = 0
  for (const [i, entry] of made.entries.entries()) {
    if (i % step === 0 || i === count - 1) {
      for (const at of [start, start + entry.size - 1]) {
        const view = await pieces.pieceAt(at, signal)
        expect({ start: view.start, hash: toHex(view.frame.hash), n: view.n }).toEqual({ start, hash: toHex(entry.hash), n: 11 })
      }
    }
    start += entry.size
  }
}, 60_000)

test('a node that was swapped for another, or lost, is told', async () => {
  const made = await trees(400)
  const [first = '', second = ''] = [...made.nodes.keys()]
  const [a, b] = [made.nodes.get(first), made.nodes.get(second)]
  if (a === undefined || b === undefined) throw new Error('the tree has no nodes')
  made.nodes.set(first, b)
  await expect(piecesOver(made).pieceAt(0, signal)).rejects.toMatchObject({ kind: 'corrupt', code: 'share.damaged' })
  made.nodes.delete(first)
  await expect(piecesOver(made).pieceAt(0, signal)).rejects.toMatchObject({ kind: 'transient' })
})
