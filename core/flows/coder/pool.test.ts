import { describe, expect, it } from 'vitest'
import { AppError } from '../../base/errors.ts'
import type { ChunkRows, CodedChunk, Coder, CoderKeys, FrameRef, Piece } from '../../ports/coder.ts'
import { createCoderPool, lanesFor, type CoderWorker } from './pool.ts'
import { buffersOf, serveCoder } from './protocol.ts'

const key = new Uint8Array(32)
const keys: CoderKeys = { cut: key, dedup: key, seal: key }
const frame: FrameRef = { offset: 0, length: 17, key, hash: key, size: 1 }
const source = new Blob(['x'])
const piece = (offset: number): Piece => ({ source, offset, length: 1, id: key, hash: key })

/** A coder that does nothing; each test replaces what it looks at. */
const idle: Coder = {
  lanes: 1,
  cut: (_source, offset) => Promise.resolve([piece(offset)]),
  identify: (sources) => Promise.resolve(sources.map((_, i) => piece(i))),
  encode: () => Promise.reject(new AppError('bug', 'test.unused', '')),
  decode: () => Promise.resolve(new Uint8Array(1)),
  join: () => Promise.resolve(new Uint8Array(1)),
  open: (frames) => Promise.resolve(frames.map(({ sealed }) => sealed)),
  close() {},
}

/** A worker in this realm: messages are cloned and moved as between realms, and nothing arrives once it is terminated. */
class FakeWorker implements CoderWorker {
  terminated = false
  private readonly inside = new Set<(message: unknown) => void>()
  private readonly outside = new Set<(message: unknown) => void>()
  private readonly crashes = new Set<(reason: string) => void>()

  constructor(coder: Promise<Coder>) {
    serveCoder({ post: (message, transfer) => { this.send(message, transfer, this.outside) }, listen: (listener) => this.inside.add(listener) }, coder)
  }

  post(message: unknown, transfer: ArrayBuffer[]): void {
    this.send(message, transfer, this.inside)
  }

  listen(listener: (message: unknown) => void): void {
    this.outside.add(listener)
  }

  onCrash(listener: (reason: string) => void): void {
    this.crashes.add(listener)
  }

  terminate(): void {
    this.terminated = true
  }

  crash(): void {
    for (const listener of this.crashes) listener('worker died')
  }

  private send(message: unknown, transfer: ArrayBuffer[], to: ReadonlySet<(message: unknown) => void>): void {
    const data: unknown = structuredClone(message, { transfer })
    setTimeout(() => {
      if (!this.terminated) for (const listener of to) listener(data)
    })
  }
}

function poolOf(lanes: number, coders: (i: number) => Coder | Promise<Coder>, grace = 5): { pool: Coder; workers: FakeWorker[] } {
  const workers: FakeWorker[] = []
  const spawn = (): FakeWorker => {
    const worker = new FakeWorker(Promise.resolve(coders(workers.length)))
    workers.push(worker)
    return worker
  }
  return { pool: createCoderPool({ lanes, spawn, grace, clock: realTime }), workers }
}

const realTime = { sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)) }
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

describe('the coder pool', () => {
  it('gives each job to an idle worker, and starts no more workers than lanes', async () => {
    let most = 0
    let now = 0
    const busy: Coder = {
      ...idle,
      async cut(_source, offset) {
        most = Math.max(most, ++now)
        await settled()
        now--
        return [piece(offset)]
      },
    }
    const { pool, workers } = poolOf(3, () => busy)
    const pieces = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((i) => pool.cut(source, i, keys)))
    expect(pieces.map(([one]) => one?.offset)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(most).toBe(3)
    expect(workers).toHaveLength(3)
  })

  it('lets a read pass the jobs of a long upload', async () => {
    const order: string[] = []
    const { pool } = poolOf(1, () => idle)
    const cuts = [0, 1, 2, 3].map((i) => pool.cut(source, i, keys).then(() => order.push('cut')))
    const read = pool.open([{ sealed: new Uint8Array(4), frame }]).then(() => order.push('open'))
    await Promise.all([...cuts, read])
    expect(order.indexOf('open')).toBe(1)
  })

  it('keeps code, kind, data and cause of an error', async () => {
    const failure = new AppError('corrupt', 'chunk.damaged', 'bad', { data: { row: 3 }, cause: new RangeError('deep') })
    const { pool } = poolOf(1, () => ({ ...idle, open: () => Promise.reject(failure) }))
    const error = await pool.open([{ sealed: new Uint8Array(4), frame }]).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ kind: 'corrupt', code: 'chunk.damaged', data: { row: 3 }, cause: { message: 'deep' } })
    expect(error).toBeInstanceOf(AppError)
  })

  it('moves large buffers, each once, and copies keys', async () => {
    const { pool } = poolOf(1, () => idle)
    const sealed = new Uint8Array(5000)
    expect(await pool.open([{ sealed, frame }])).toMatchObject([{ length: 5000 }])
    expect(sealed.buffer.detached).toBe(true)
    expect(key.buffer.detached).toBe(false)
    const shared = new Uint8Array(4096)
    const rows = [0, 1].map((index) => ({ index, bytes: shared.subarray(index * 2048, index * 2048 + 2048) }))
    expect(buffersOf([{ k: 2, n: 3, shardSize: 2048, rows } satisfies ChunkRows])).toEqual([shared.buffer])
  })
})

describe('a worker that holds what was just cut', () => {
  const named = (name: number, offset = 0): Piece => ({ ...piece(offset), hash: new Uint8Array(32).fill(name) })
  const coded: CodedChunk = { k: 1, n: 1, frames: [], compressed: 0, shardSize: 64, roots: [], shards: [] }
  /** A pool of two whose workers say what they did; `cut` at offset x finds pieces x and x + 1. */
  const watched = (): { pool: Coder; done: string[]; workers: FakeWorker[] } => {
    const done: string[] = []
    const made = poolOf(2, (i) => ({
      ...idle,
      cut: async (_source, offset) => {
        await settled()
        done.push(`worker ${i} cuts at ${offset}`)
        return [named(offset, offset), named(offset + 1, offset)]
      },
      encode: async ([first]) => {
        await settled()
        done.push(`worker ${i} seals ${first?.hash[0] ?? ''}`)
        return coded
      },
    }))
    return { ...made, done }
  }
  const redundancy = { k: 1, n: 1 }

  it('is given those pieces, and the next cut goes to another', async () => {
    const { pool, done } = watched()
    await pool.cut(source, 10, keys)
    const jobs: Promise<unknown>[] = [pool.cut(source, 20, keys)]
    jobs.push(pool.encode([named(10)], keys, redundancy))
    await Promise.all(jobs)
    jobs.push(pool.encode([named(20)], keys, redundancy), pool.encode([named(11)], keys, redundancy))
    await Promise.all(jobs)
    expect([...done].sort()).toEqual(['worker 0 cuts at 10', 'worker 0 seals 10', 'worker 0 seals 11', 'worker 1 cuts at 20', 'worker 1 seals 20'])
  })

  it('does not keep others waiting: an idle one takes what it could have had', async () => {
    const { pool, done } = watched()
    await pool.cut(source, 10, keys)
    await Promise.all([pool.encode([named(10)], keys, redundancy), pool.encode([named(11)], keys, redundancy)])
    expect([...done].sort()).toEqual(['worker 0 cuts at 10', 'worker 0 seals 10', 'worker 1 seals 11'])
  })

  it('holds nothing once it died', async () => {
    const { pool, done, workers } = watched()
    await pool.cut(source, 10, keys)
    workers[0]?.crash()
    await pool.encode([named(10)], keys, redundancy)
    expect(workers).toHaveLength(2)
    expect(done.at(-1)).toMatch(/worker 1 seals 10/)
  })
})

describe('cancelling', () => {
  it('drops a waiting job without disturbing the running one', async () => {
    const { pool, workers } = poolOf(1, () => idle)
    const cancel = new AbortController()
    const first = pool.cut(source, 1, keys)
    const second = pool.cut(source, 2, keys, cancel.signal)
    cancel.abort()
    await expect(second).rejects.toMatchObject({ kind: 'aborted' })
    expect(await first).toMatchObject([{ offset: 1 }])
    expect(workers[0]?.terminated).toBe(false)
  })

  it('lets a running job end by itself where it does so soon, and keeps its worker', async () => {
    const stopped: boolean[] = []
    const polite: Coder = {
      ...idle,
      encode: (_pieces, _keys, _redundancy, signal) =>
        new Promise<CodedChunk>((_, reject) => {
          signal?.addEventListener('abort', () => {
            stopped.push(true)
            reject(new AppError('aborted', 'aborted', ''))
          })
        }),
    }
    const { pool, workers } = poolOf(1, () => polite, 500)
    const cancel = new AbortController()
    const job = pool.encode([piece(0)], keys, { k: 1, n: 2 }, cancel.signal)
    await settled()
    cancel.abort()
    await expect(job).rejects.toMatchObject({ kind: 'aborted' })
    expect(await pool.cut(source, 7, keys)).toMatchObject([{ offset: 7 }])
    expect(stopped).toEqual([true])
    expect(workers).toHaveLength(1)
  })

  it('replaces a worker that does not stop', async () => {
    const stuck: Coder = { ...idle, encode: () => new Promise(() => {}) }
    const { pool, workers } = poolOf(1, (i) => (i === 0 ? stuck : idle))
    const cancel = new AbortController()
    const job = pool.encode([piece(0)], keys, { k: 1, n: 2 }, cancel.signal)
    const after = pool.cut(source, 7, keys)
    await settled()
    cancel.abort()
    await expect(job).rejects.toMatchObject({ kind: 'aborted' })
    expect(await after).toMatchObject([{ offset: 7 }])
    expect(workers.map((worker) => worker.terminated)).toEqual([true, false])
  })

  it('refuses at once when the signal fired before', async () => {
    const { pool, workers } = poolOf(1, () => idle)
    await expect(pool.cut(source, 1, keys, AbortSignal.abort())).rejects.toMatchObject({ kind: 'aborted' })
    expect(workers).toHaveLength(0)
  })
})

describe('a worker that dies', () => {
  const silent: Coder = { ...idle, cut: () => new Promise(() => {}), open: () => new Promise(() => {}) }

  it('is replaced, and its job done again', async () => {
    const { pool, workers } = poolOf(1, (i) => (i === 0 ? silent : idle))
    const job = pool.cut(source, 3, keys)
    await settled()
    workers[0]?.crash()
    expect(await job).toMatchObject([{ offset: 3 }])
    expect(workers).toHaveLength(2)
  })

  it('twice over the same job fails that job, and the next one works', async () => {
    const { pool, workers } = poolOf(1, (i) => (i < 2 ? silent : idle))
    const job = pool.cut(source, 3, keys)
    await settled()
    workers[0]?.crash()
    await settled()
    workers[1]?.crash()
    await expect(job).rejects.toMatchObject({ kind: 'transient', code: 'coder.crashed' })
    expect(await pool.cut(source, 4, keys)).toMatchObject([{ offset: 4 }])
  })

  it('takes the rows of a read with it: that job is not tried again', async () => {
    const { pool, workers } = poolOf(1, (i) => (i === 0 ? silent : idle))
    const job = pool.open([{ sealed: new Uint8Array(5000), frame }])
    await settled()
    workers[0]?.crash()
    await expect(job).rejects.toMatchObject({ kind: 'transient', code: 'coder.crashed' })
  })

  it('is not kept after a mistake of ours', async () => {
    const { pool, workers } = poolOf(1, (i) => (i === 0 ? { ...idle, cut: () => Promise.reject(new RangeError('trap')) } : idle))
    await expect(pool.cut(source, 1, keys)).rejects.toMatchObject({ kind: 'bug' })
    expect(await pool.cut(source, 1, keys)).toMatchObject([{ offset: 1 }])
    expect(workers[0]?.terminated).toBe(true)
  })
})

describe('closing', () => {
  it('ends all workers, and all jobs as cancelled', async () => {
    const { pool, workers } = poolOf(1, () => idle)
    const jobs = [1, 2].map((i) => pool.cut(source, i, keys))
    const ended = expect(Promise.allSettled(jobs)).resolves.toMatchObject([{ reason: { kind: 'aborted' } }, { reason: { kind: 'aborted' } }])
    pool.close()
    await ended
    expect(workers[0]?.terminated).toBe(true)
    await expect(pool.cut(source, 1, keys)).rejects.toMatchObject({ kind: 'aborted' })
  })
})

describe('lanes', () => {
  it('are as many as cores, at least 1 and at most 8', () => {
    expect([0, 1, 4, 64].map(lanesFor)).toEqual([1, 1, 4, 8])
  })
})
