import { describe, expect, it, vi } from 'vitest'
import type { FileRow, FileToAdd, PeerContract, Snapshot } from '../../workers/contract.ts'
import { Shoal } from './shoal.svelte.ts'

const FILE: FileToAdd = { file: new File(['x'], 'x'), path: 'x' }

const STORING: FileRow = { id: 'a', name: 'a', size: 1, type: '', added: 0, needsFile: false, notes: [], status: { kind: 'storing', percent: 5 } }

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
    ['is stored', STORING, true],
    ['waits for hosts', { ...STORING, status: { kind: 'waiting' } }, true],
    ['waits for its bytes', { ...STORING, needsFile: true }, false],
    ['is safe', { ...STORING, status: { kind: 'safe', survives: 6, hosts: 16 } }, false],
  ] satisfies [string, FileRow, boolean][])('knows whether closing cuts a store short while a file %s', async (_, row, busy) => {
    const watch: PeerContract['watch'] = (listener) => {
      listener({ files: [row] } as unknown as Snapshot)
      return Promise.resolve()
    }
    const shoal = new Shoal(peer({ watch }), storage(true))
    await shoal.start()
    expect(shoal.busy).toBe(busy)
  })
})
