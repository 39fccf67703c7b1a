import { describe, expect, it } from 'vitest'
import { equal, type Bytes } from '../../base/bytes.ts'
import { SeededRandom } from '../../testkit/seeded-random.ts'
import { readSpan, Window } from './span.ts'

const MIB = 2 ** 20
const noise = (length: number): Bytes => new SeededRandom(7).bytes(length)
const bytes = noise(3 * MIB)
const source = new Blob([bytes])

/** A browser whose files have no BYOB reader. */
function plain(blob: Blob): Blob {
  return Object.assign(blob.slice(0, blob.size), { slice: (from: number, to: number) => Object.assign(blob.slice(from, to), { stream: () => { throw new TypeError('no such reader') } }) })
}

describe.each([['with', source], ['without', plain(source)]])('a window over a file %s a reader that fills memory', (_, file) => {
  it('reads span after span, each in the place of the one before', async () => {
    const window = new Window(2 * MIB)
    for (const [offset, length] of [[0, 2 * MIB], [MIB, 2 * MIB], [5, 1], [3 * MIB - 7, 7]] as const) {
      const read = await window.read({ source: file, offset, length }, undefined)
      expect(equal(read, bytes.subarray(offset, offset + length))).toBe(true)
    }
  })

  it('says that a file is shorter than it was, and works on', async () => {
    const window = new Window(2 * MIB)
    await expect(window.read({ source: file, offset: 2 * MIB, length: 2 * MIB }, undefined)).rejects.toMatchObject({ kind: 'transient', code: 'file.unreadable' })
    expect(equal(await window.read({ source: file, offset: 0, length: MIB }, undefined), bytes.subarray(0, MIB))).toBe(true)
  })

  it('stops when it is cancelled', async () => {
    await expect(new Window(MIB).read({ source: file, offset: 0, length: MIB }, AbortSignal.abort())).rejects.toMatchObject({ kind: 'aborted' })
  })
})

it('a file that cannot be read any more is unreadable, and the window that it broke works on', async () => {
  const pull = (controller: { error: (reason: unknown) => void }): void => { controller.error(new DOMException('gone', 'NotReadableError')) }
  const broken = new ReadableStream({ type: 'bytes', pull } as never)
  const lost = { slice: () => ({ stream: () => broken, arrayBuffer: () => Promise.reject(new DOMException('gone', 'NotReadableError')) }) } as unknown as Blob
  const window = new Window(MIB)
  const unreadable = { kind: 'transient', code: 'file.unreadable' }
  await expect(window.read({ source: lost, offset: 0, length: MIB }, undefined)).rejects.toMatchObject(unreadable)
  await expect(readSpan({ source: lost, offset: 0, length: MIB }, undefined)).rejects.toMatchObject(unreadable)
  expect(equal(await window.read({ source, offset: 0, length: MIB }, undefined), bytes.subarray(0, MIB))).toBe(true)
})
