import { describe, expect, it } from 'vitest'
import { AppError } from '../../base/errors.ts'
import type { Coder, FrameRef, SealedFrame } from '../../ports/coder.ts'
import { Opener } from './opener.ts'

const key = new Uint8Array(32)
const pack = Uint8Array.from({ length: 200 }, (_, i) => i)
const frameAt = (offset: number): FrameRef => ({ offset, length: 1, key, hash: key, size: 1 })
const on = new AbortController().signal

/** An opener over a coder of one lane that gives frames back as they are, but for those at `damaged`; and how many it was given per call. */
function watched(damaged: readonly number[] = []): { opener: Opener; calls: number[] } {
  const calls: number[] = []
  const open = async (frames: readonly SealedFrame[]): Promise<Uint8Array<ArrayBuffer>[]> => {
    calls.push(frames.length)
    await Promise.resolve()
    if (frames.some(({ frame }) => damaged.includes(frame.offset))) throw new AppError('corrupt', 'chunk.damaged', 'bad')
    return frames.map(({ sealed }) => sealed)
  }
  return { opener: new Opener({ lanes: 1, open } as unknown as Coder), calls }
}

describe('opening frames of packs', () => {
  it('gives everybody his own frame, and goes to the coder once for many', async () => {
    const { opener, calls } = watched()
    const opened = await Promise.all(Array.from({ length: 150 }, (_, i) => opener.open(pack, frameAt(i), on)))
    expect(opened.map(([byte]) => byte)).toEqual(Array.from({ length: 150 }, (_, i) => i))
    expect(calls).toEqual([64, 64, 22])
    expect(pack.length).toBe(200)
  })

  it('fails those that are damaged, and no others', async () => {
    const { opener } = watched([3, 5])
    const results = await Promise.allSettled([1, 2, 3, 4, 5, 6].map((at) => opener.open(pack, frameAt(at), on)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
    expect(results[2]).toMatchObject({ reason: { code: 'chunk.damaged' } })
  })

  it('leaves out whoever went away while he waited', async () => {
    const { opener, calls } = watched()
    const leaving = new AbortController()
    const [gone, stayed] = [opener.open(pack, frameAt(1), leaving.signal), opener.open(pack, frameAt(2), on)]
    leaving.abort(new AppError('aborted', 'aborted', 'gone'))
    await expect(gone).rejects.toMatchObject({ kind: 'aborted' })
    expect(await stayed).toEqual(pack.slice(2, 3))
    expect(calls).toEqual([1])
  })
})
