import { describe, expect, it, vi } from 'vitest'
import { AppError } from '../../core/base/errors.ts'
import type { FileToAdd, PeerContract, Snapshot } from '../../workers/contract.ts'
import { Shoal } from './shoal.svelte.ts'

const FILE: FileToAdd = { file: new File(['x'], 'x'), path: 'x' }

/** A browser's storage that says `kept`, and what it was asked. */
function storage(kept: boolean): { persisted: () => Promise<boolean>; persist: ReturnType<typeof vi.fn<() => Promise<boolean>>> } {
  return { persisted: () => Promise.resolve(kept), persist: vi.fn(() => Promise.resolve(true)) }
}

function peer(parts: Partial<PeerContract>): PeerContract {
  return parts as PeerContract
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

describe('the files screen', () => {
  it('asks the browser once to keep its data, after the first file is in the list', async () => {
    const added = Promise.withResolvers<undefined>()
    const browser = storage(false)
    const shoal = new Shoal(peer({ add: () => added.promise }), browser)
    shoal.add([FILE])
    await settled()
    expect(browser.persist).not.toHaveBeenCalled()
    added.resolve(undefined)
    await settled()
    shoal.add([FILE])
    await settled()
    expect(browser.persist).toHaveBeenCalledOnce()
  })

  it('does not ask a browser that keeps the data already, nor when nothing could be added', async () => {
    const kept = storage(true)
    new Shoal(peer({ add: () => Promise.resolve() }), kept).add([FILE])
    const unkept = storage(false)
    new Shoal(peer({ add: () => Promise.reject(new Error('no')) }), unkept).add([FILE])
    await settled()
    expect(kept.persist).not.toHaveBeenCalled()
    expect(unkept.persist).not.toHaveBeenCalled()
  })

  it('says nothing when the browser refuses', async () => {
    const shoal = new Shoal(peer({ add: () => Promise.resolve() }), { persisted: () => Promise.reject(new TypeError('none')), persist: () => Promise.resolve(false) })
    shoal.add([FILE])
    await settled()
    expect(shoal.message).toBe('')
  })

  it.each([
    ['files are being stored', 2, true],
    ['none is', 0, false],
  ])('knows whether closing cuts a store short while %s', async (_, unfinished, busy) => {
    const watch: PeerContract['watch'] = (listener) => {
      listener({ drive: { unfinished } } as unknown as Snapshot)
      return Promise.resolve()
    }
    const shoal = new Shoal(peer({ watch }), storage(true))
    await shoal.start()
    expect(shoal.busy).toBe(busy)
  })

  it('adds to the folder that is open', async () => {
    const add = vi.fn(() => Promise.resolve())
    new Shoal(peer({ add }), storage(true)).add([FILE], 'folder')
    await settled()
    expect(add).toHaveBeenCalledWith([FILE], 'folder')
  })
})

const GIB = 2 ** 30

/** A screen whose peer shows `on` and `space`, what was asked of that peer, and a way to let it show something new. */
async function hosting(on: boolean, space: number): Promise<{ shoal: Shoal; asked: [boolean, number][]; show: (on: boolean, space: number) => void }> {
  const asked: [boolean, number][] = []
  let listener: Parameters<PeerContract['watch']>[0] = () => undefined
  const show = (on: boolean, space: number): void => {
    listener({ hosting: { on, space } } as unknown as Snapshot)
  }
  const watch: PeerContract['watch'] = (watcher) => {
    listener = watcher
    show(on, space)
    return Promise.resolve()
  }
  const setHosting: PeerContract['setHosting'] = (on, space) => {
    asked.push([on, space])
    return space > 4 * GIB ? Promise.reject(new AppError('invalid', 'hosting.space', 'not one of the spaces')) : Promise.resolve()
  }
  const shoal = new Shoal(peer({ watch, setHosting }), storage(true))
  await shoal.start()
  return { shoal, asked, show }
}

describe('hosting on the files screen', () => {
  it('changes one thing and leaves the other as it is', async () => {
    const { shoal, asked } = await hosting(false, GIB)
    expect(await shoal.setHosting({ on: true })).toBe(true)
    expect(asked).toEqual([[true, GIB]])
  })

  it('does not undo a change that no snapshot shows yet', async () => {
    const { shoal, asked } = await hosting(false, GIB)
    await Promise.all([shoal.setHosting({ on: true }), shoal.setHosting({ space: 2 * GIB })])
    await shoal.setHosting({ space: 4 * GIB })
    expect(asked.slice(1)).toEqual([
      [true, 2 * GIB],
      [true, 4 * GIB],
    ])
  })

  it('goes on from what the peer shows, once it shows what was chosen', async () => {
    const { shoal, asked, show } = await hosting(false, GIB)
    await shoal.setHosting({ on: true })
    show(true, GIB)
    show(false, 2 * GIB)
    await shoal.setHosting({ space: 4 * GIB })
    expect(asked.at(-1)).toEqual([false, 4 * GIB])
  })

  it('says why a choice was not taken, and forgets it', async () => {
    const { shoal, asked } = await hosting(false, GIB)
    expect(await shoal.setHosting({ space: 8 * GIB })).toBe(false)
    expect(shoal.message).toContain('does not grant that much space')
    await shoal.setHosting({ on: true })
    expect(asked.at(-1)).toEqual([true, GIB])
  })

  it.each([
    ['agrees', () => Promise.resolve(true), 'kept'],
    ['refuses', () => Promise.resolve(false), 'refused'],
    ['cannot be asked', () => Promise.reject(new TypeError('none')), 'refused'],
  ] as const)('knows what it means that the browser %s to keep the data', async (_, persist, keeping) => {
    const shoal = new Shoal(peer({}), { persisted: () => Promise.resolve(false), persist })
    expect(shoal.keeping).toBe('unasked')
    await shoal.keepData()
    expect(shoal.keeping).toBe(keeping)
  })
})
