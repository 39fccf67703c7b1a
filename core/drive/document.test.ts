import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import type { Bytes } from '../base/bytes.ts'
import { isAppError } from '../base/errors.ts'
import { encode } from '../formats/codec.ts'
import { TOP, versionRecord } from '../formats/drive.ts'
import { FakeDevice, text } from '../testkit/drive-device.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { applyChecked, openDocument, UPDATE_BYTES } from './document.ts'
import { Drive } from './drive.ts'

function filled(): FakeDevice {
  const device = new FakeDevice(1)
  const folder = device.edit.createFolder(TOP, 'docs')
  const file = device.file(folder, 'ä.txt', 'one')
  device.edit.rename(file, 'b.txt')
  device.edit.addVersion(file, text('two'))
  device.edit.trash([device.file(TOP, 'c.txt', 'c')])
  return device
}

/** An update that sets `keys` of the map `map` by hand, as no drive would. */
function foreign(work: (doc: Y.Doc) => void): Uint8Array {
  const doc = new Y.Doc()
  work(doc)
  return Y.encodeStateAsUpdate(doc)
}

function refusal(device: FakeDevice, update: Uint8Array): string | undefined {
  const before = device.drive.snapshot()
  const shown = device.shown()
  try {
    device.drive.apply(update)
    return undefined
  } catch (error) {
    if (!isAppError(error)) throw error
    expect(device.drive.snapshot()).toEqual(before)
    expect(device.shown()).toEqual(shown)
    expect(device.drive.waiting).toBe(false)
    return `${error.kind} ${error.code}`
  }
}

describe('an update that is no update of a drive', () => {
  it('is refused and changes nothing, wherever it is cut off', () => {
    const device = new FakeDevice(2)
    device.file(TOP, 'mine', '1')
    const whole = filled().drive.snapshot()
    for (let end = 0; end < whole.length; end++) {
      expect(refusal(device, whole.slice(0, end))).toBe('corrupt drive.damaged')
      // A view of the whole: what follows in the buffer must not be read.
      expect(refusal(device, whole.subarray(0, end))).toBe('corrupt drive.damaged')
    }
    expect(refusal(device, whole)).toBeUndefined()
  })

  it('is refused and changes nothing, or is merged so that the drive still answers and agrees with a fresh one, whatever bits are flipped', () => {
    const whole = filled().drive.snapshot()
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(flips, (changes) => {
        const bytes = new Uint8Array(whole)
        for (const [at, mask] of changes) bytes[at] = (bytes[at] ?? 0) ^ mask
        // One that has the whole already answers whatever comes; one that has nothing takes it as another history.
        const [known, empty] = [filled(), new FakeDevice(3)]
        if (!refusedOrWaiting(known, bytes)) known.shown()
        if (refusedOrWaiting(empty, bytes)) return
        expect(empty.again().shown()).toEqual(empty.shown())
        empty.edit.addFile(TOP, 'after', text('2'), { clash: 'keep both' })
      }),
      { numRuns: 500 },
    )
  })

  it('is refused when it holds nested types, texts or documents, or a newer layout', () => {
    const device = filled()
    expect(refusal(device, foreign((doc) => doc.getMap('p').set('x', new Y.Map())))).toBe('corrupt drive.damaged')
    expect(refusal(device, foreign((doc) => doc.getMap('p').set('x', new Y.Doc())))).toBe('corrupt drive.damaged')
    expect(refusal(device, foreign((doc) => doc.getText('p').insert(0, 'text')))).toBe('corrupt drive.damaged')
    const newer = foreign((doc) => doc.getMap('s').set('layout', 2))
    expect(refusal(device, newer)).toBe('invalid format.version')
    expect(() => new FakeDevice(4, [newer])).toThrow(expect.objectContaining({ code: 'format.version' }))
    expect(() => new FakeDevice(4, [foreign((doc) => doc.getText('p').insert(0, 'text'))])).toThrow(expect.objectContaining({ code: 'drive.damaged' }))
    expect(refusal(device, foreign((doc) => doc.getMap('s').set('layout', 1)))).toBeUndefined()
  })

  it('is refused when it is too large', () => {
    const doc = openDocument([], new SeededRandom(1))
    expect(() => applyChecked(doc, new Uint8Array(UPDATE_BYTES + 1), '')).toThrow(expect.objectContaining({ kind: 'invalid', code: 'drive.large' }))
  })

  it('is refused as a state vector', () => {
    for (const bytes of [[], [5], [1, 255], [255, 255, 255, 255, 255, 255, 255, 255, 255]]) {
      expect(() => filled().drive.updateSince(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'drive.damaged' }))
    }
  })
})

/** Whether the update was refused, or waits for others, or the layout it names is newer. */
function refusedOrWaiting(device: FakeDevice, update: Bytes): boolean {
  const before = device.drive.snapshot()
  try {
    device.drive.apply(update)
    return device.drive.waiting
  } catch (error) {
    if (!isAppError(error)) throw error
    expect(device.drive.snapshot()).toEqual(before)
    return true
  }
}

describe('values that no Shoal wrote', () => {
  const file = 'fAAAAAAAAAAAA'
  const folder = 'dAAAAAAAAAAAA'
  const version = encode(versionRecord, { size: 1, type: '', modified: 1, added: 1, device: 1, content: new Uint8Array(1) })

  it('are shown under a safe name, at the top, or not at all, and never end the drive', () => {
    const device = filled()
    const hostile = foreign((doc) => {
      const [p, n, t, v, s] = ['p', 'n', 't', 'v', 's'].map((name) => doc.getMap<unknown>(name)) as [Y.Map<unknown>, Y.Map<unknown>, Y.Map<unknown>, Y.Map<unknown>, Y.Map<unknown>]
      for (const map of [p, n, t, v]) for (const key of ['', 'x', '__proto__', 'constructor', `${file}/`]) map.set(key, { a: [1] })
      p.set(file, 7)
      p.set('dBBBBBBBBBBBB', 'dBBBBBBBBBBBB')
      n.set('dBBBBBBBBBBBB', 'in itself')
      n.set(folder, '../../etc\u0000')
      p.set(folder, file)
      n.set('fCCCCCCCCCCCC', 'without versions')
      v.set(`${file}/AAAAAAAA`, version)
      v.set(`${file}/BBBBBBBB`, Uint8Array.of(9, 9))
      v.set(`${file}/CCCCCCCC`, 'text')
      t.set('fCCCCCCCCCCCC', 'yesterday')
      s.set('keepDays', -1)
    })
    device.drive.apply(hostile)
    const { view } = device.drive
    const names = view.children(TOP).map((entry) => entry.name)
    expect(names).toEqual(['.._.._etc_', 'docs', 'in itself', 'unnamed'])
    expect(view.versions(file)).toHaveLength(1)
    expect(view.unreadable).toBe(2)
    expect(view.keepDays).toBe(30)
    expect(device.again().shown()).toEqual(device.shown())
    device.edit.rename(file, 'named')
    device.edit.trash([file, folder])
    device.edit.emptyTrash()
    expect(view.unreadable).toBe(2)
  })

  it('put into the trash by a time that is no number stay there until it is emptied', () => {
    const device = filled()
    device.drive.apply(foreign((doc) => doc.getMap('t').set(device.id('docs'), { hostile: 1 })))
    device.clock.at += 1e12
    device.edit.purge()
    expect(device.drive.view.trash().map((entry) => entry.name)).toContain('docs')
  })
})

describe('a document', () => {
  it('is the same whole, in updates, merged, and in any order', () => {
    const device = new FakeDevice(1)
    const updates: Bytes[] = []
    const keep = (): void => {
      const change = device.drive.takeChanges()
      if (change !== undefined) updates.push(change)
    }
    const folder = device.edit.createFolder(TOP, 'docs')
    keep()
    for (let i = 0; i < 300; i++) device.file(folder, `${i}`, `${i}`)
    keep()
    device.edit.trash([folder])
    keep()
    keep()
    expect(updates).toHaveLength(3)
    const shown = device.shown()
    expect(new FakeDevice(2, updates).shown()).toEqual(shown)
    expect(new FakeDevice(2, [...updates].reverse()).shown()).toEqual(shown)
    expect(new FakeDevice(2, [Drive.merge(updates)]).shown()).toEqual(shown)
    const late = new FakeDevice(3)
    late.drive.apply(updates[2] as Bytes)
    expect(late.drive.waiting).toBe(true)
    late.drive.apply(updates[0] as Bytes)
    late.drive.apply(updates[1] as Bytes)
    expect(late.drive.waiting).toBe(false)
    expect(late.shown()).toEqual(shown)
  })

  it('is written by a session under 53 random bits, drawn again when the document knows them', () => {
    const fixed = { bytes: (length: number) => new Uint8Array(length).fill(255), unit: () => 0 }
    expect(openDocument([], fixed).clientID).toBe(2 ** 53 - 1)
    const doc = openDocument([], fixed)
    doc.getMap('n').set('x', 1)
    let draws = 0
    const drawn = openDocument([Y.encodeStateAsUpdate(doc)], { bytes: (length) => new Uint8Array(length).fill(draws++ === 0 ? 255 : 1), unit: () => 0 })
    expect(drawn.clientID).toBe(0x01010101010101 % 2 ** 53)
    expect(draws).toBe(2)
    drawn.getMap('n').set('y', 2)
    expect(openDocument([Y.encodeStateAsUpdate(drawn)], new SeededRandom(1)).getMap('n').toJSON()).toEqual({ x: 1, y: 2 })
  })
})
