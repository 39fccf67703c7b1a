import type { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { equal } from '../core/base/bytes.ts'
import type { Coder, CoderKeys } from '../core/ports/coder.ts'
import { SeededRandom } from '../core/testkit/seeded-random.ts'
import { coderThread, nodeCoder } from './coder-workers.ts'

const keys: CoderKeys = { cut: new Uint8Array(32).fill(1), dedup: new Uint8Array(32).fill(2), seal: new Uint8Array(32).fill(3) }
const MIB = 2 ** 20

describe('the coder pool in threads of Node', () => {
  let coder: Coder | undefined
  afterEach(() => coder?.close())

  it('cuts, codes and opens a file, with data rows lost', async () => {
    coder = nodeCoder(2)
    const bytes = new SeededRandom(4).bytes(20 * MIB)
    const file = new Blob([bytes])
    let at = 0
    while (at < bytes.length) {
      const pieces = await coder.cut(file, at, keys)
      const coded = await Promise.all(pieces.map((piece) => coder!.encode([piece], keys, { k: 10, n: 16 })))
      for (const [i, { k, n, shardSize, frames, shards }] of coded.entries()) {
        const rows = shards.map((shard, index) => ({ index, bytes: shard })).slice(6)
        const plain = await coder.decode({ k, n, shardSize, rows }, frames[0]!)
        expect(equal(plain, bytes.subarray(at, (at += pieces[i]!.length)))).toBe(true)
      }
    }
    expect(at).toBe(bytes.length)
  })

  it('keeps 64 stores at once apart, each in its order', { timeout: 120_000 }, async () => {
    const pool = (coder = nodeCoder(2))
    const stored = Array.from({ length: 64 }, async (_, i) => {
      const bytes = new SeededRandom(100 + i).bytes(1.5 * MIB)
      let at = 0
      while (at < bytes.length) {
        for (const piece of await pool.cut(new Blob([bytes]), at, keys)) {
          const { k, n, shardSize, frames, shards } = await pool.encode([piece], keys, { k: 4, n: 6 })
          const plain = await pool.decode({ k, n, shardSize, rows: shards.map((shard, index) => ({ index, bytes: shard })).slice(2) }, frames[0]!)
          if (!equal(plain, bytes.subarray(at, (at += piece.length)))) throw new Error(`store ${i} got other bytes`)
        }
      }
      return at
    })
    expect(await Promise.all(stored)).toEqual(Array.from({ length: 64 }, () => 1.5 * MIB))
  })

  it('goes on with a file when a thread is killed in the middle of it', async () => {
    const threads: Worker[] = []
    coder = nodeCoder(2, () => {
      const thread = coderThread()
      threads.push(thread)
      return thread
    })
    const bytes = new SeededRandom(6).bytes(40 * MIB)
    const file = new Blob([bytes])
    let at = 0
    for (let i = 0; at < bytes.length; i++) {
      const cutting = coder.cut(file, at, keys)
      if (i === 1) await threads[0]?.terminate()
      const coding = (await cutting).map((piece) => ({ piece, coded: coder!.encode([piece], keys, { k: 10, n: 16 }) }))
      if (i === 1) await threads[1]?.terminate()
      for (const { piece, coded } of coding) {
        const { k, n, shardSize, frames, shards } = await coded
        const plain = await coder.decode({ k, n, shardSize, rows: shards.map((shard, index) => ({ index, bytes: shard })).slice(0, 10) }, frames[0]!)
        expect(equal(plain, bytes.subarray(at, (at += piece.length)))).toBe(true)
      }
    }
    expect(threads.length).toBeGreaterThan(2)
  })

  it('stops a cancelled job, and works on', async () => {
    coder = nodeCoder(1)
    const file = new Blob([new SeededRandom(5).bytes(16 * MIB)])
    const cancel = new AbortController()
    const job = coder.cut(file, 0, keys, cancel.signal)
    cancel.abort()
    await expect(job).rejects.toMatchObject({ kind: 'aborted' })
    expect((await coder.identify([file.slice(0, 1000)], keys))[0]?.length).toBe(1000)
  })
})
