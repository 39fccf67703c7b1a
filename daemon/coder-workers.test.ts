import { afterEach, describe, expect, it } from 'vitest'
import { equal } from '../core/base/bytes.ts'
import type { Coder, CoderKeys } from '../core/ports/coder.ts'
import { SeededRandom } from '../core/testkit/seeded-random.ts'
import { nodeCoder } from './coder-workers.ts'

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
