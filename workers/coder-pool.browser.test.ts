import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Coder, CoderKeys } from '../core/ports/coder.ts'
import { browserCoder } from './coder-workers.ts'

const keys: CoderKeys = { cut: new Uint8Array(32).fill(1), dedup: new Uint8Array(32).fill(2), seal: new Uint8Array(32).fill(3) }

function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

describe('the coder pool in real workers', () => {
  let pool: Coder
  const workers: Worker[] = []
  beforeEach(() => {
    workers.length = 0
    const spawn = (): Worker => {
      const worker = new Worker(new URL('coder-worker.ts', import.meta.url), { type: 'module' })
      workers.push(worker)
      return worker
    }
    pool = browserCoder(spawn, 2)
  })
  afterEach(() => {
    pool.close()
  })

  it('cuts, codes and opens a file', async () => {
    const bytes = noise(3 * 2 ** 20)
    const file = new File([bytes], 'noise')
    let at = 0
    while (at < file.size) {
      for (const piece of await pool.cut(file, at, keys)) {
        const coded = await pool.encode([piece], keys, { k: 3, n: 5 })
        const rows = coded.shards.map((shard, index) => ({ index, bytes: shard })).slice(2)
        const plaintext = await pool.decode({ ...coded, rows }, coded.frames[0]!)
        expect(plaintext).toEqual(bytes.slice(at, at + piece.length))
        at += piece.length
      }
    }
    expect(at).toBe(file.size)
  })

  it('goes on with a file when a worker dies in the middle of it', async () => {
    const dying = URL.createObjectURL(new Blob(['onmessage = () => { throw new Error("died") }'], { type: 'text/javascript' }))
    let spawned = 0
    const mortal = browserCoder(() => (++spawned === 2 ? new Worker(dying) : new Worker(new URL('coder-worker.ts', import.meta.url), { type: 'module' })), 2)
    try {
      const bytes = noise(6 * 2 ** 20)
      const pieces = await mortal.cut(new File([bytes], 'noise'), 0, keys)
      const coded = await Promise.all([...pieces, ...pieces].map((piece) => mortal.encode([piece], keys, { k: 3, n: 5 })))
      expect(spawned).toBe(3)
      expect(coded.map(({ roots }) => roots).slice(pieces.length)).toEqual(coded.map(({ roots }) => roots).slice(0, pieces.length))
    } finally {
      mortal.close()
      URL.revokeObjectURL(dying)
    }
  })

  it('frees its lanes after a cancelled job, for others', async () => {
    const file = new File([noise(2 ** 20)], 'noise')
    const [piece] = await pool.identify([file], keys)
    const cancel = new AbortController()
    const jobs = [1, 2, 3].map(() => pool.encode([piece!], keys, { k: 10, n: 16 }, cancel.signal))
    cancel.abort()
    const results = await Promise.allSettled(jobs)
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(await pool.identify([file], keys)).toMatchObject([{ length: file.size }])
  })

  it('says that a file is unreadable once it changed on disk', async () => {
    const root = await navigator.storage.getDirectory()
    const handle = await root.getFileHandle('changing', { create: true })
    const write = async (text: string): Promise<void> => {
      const writable = await handle.createWritable()
      await writable.write(text)
      await writable.close()
    }
    await write('first contents')
    const file = await handle.getFile()
    await write('other')
    await expect(pool.identify([file], keys)).rejects.toMatchObject({ kind: 'transient', code: 'file.unreadable' })
    await root.removeEntry('changing')
  })
})
