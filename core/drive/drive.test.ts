import { describe, expect, it } from 'vitest'
import { utf8 } from '../base/bytes.ts'
import { TOP } from '../formats/drive.ts'
import { FakeDevice, sync, text } from '../testkit/drive-device.ts'

const DAY = 86_400_000

function pair(): [FakeDevice, FakeDevice] {
  const a = new FakeDevice(1)
  return [a, a.another(2)]
}

function code(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'done'
}

describe('two devices that were apart', () => {
  it('keep both a rename and a move of one file', () => {
    const [a, b] = pair()
    const folder = a.edit.createFolder(TOP, 'docs')
    const file = a.file(TOP, 'a.txt', 'one')
    sync(a, b)
    a.edit.rename(file, 'b.txt')
    b.edit.move([file], folder)
    sync(a, b)
    expect(a.shown()).toEqual(b.shown())
    expect(a.drive.view.path(file)).toEqual(['docs', 'b.txt'])
  })

  it('see one tree without a circle when each moved a folder into the other', () => {
    const [a, b] = pair()
    const one = a.edit.createFolder(TOP, 'one')
    const two = a.edit.createFolder(TOP, 'two')
    a.file(one, 'in one', '1')
    a.file(two, 'in two', '2')
    sync(a, b)
    a.edit.move([one], two)
    b.edit.move([two], one)
    sync(a, b)
    expect(a.shown()).toEqual(b.shown())
    expect(a.shown().filter((line) => !line.startsWith('trash'))).toHaveLength(4)
    const top = a.drive.view.children(TOP).map((entry) => entry.id)
    expect(top).toEqual([one < two ? one : two])
    a.edit.move([one < two ? two : one], TOP)
    expect(a.drive.view.children(TOP)).toHaveLength(2)
  })

  it('keep both overwrites of one file as versions, the later one current', () => {
    const [a, b] = pair()
    const file = a.file(TOP, 'a.txt', 'old')
    sync(a, b)
    a.edit.addVersion(file, text('from a'))
    b.clock.at += 1000
    b.edit.addVersion(file, text('from b'))
    sync(a, b)
    expect(a.contents(file)).toEqual(['from b', 'from a', 'old'])
    expect(b.contents(file)).toEqual(a.contents(file))
  })

  it('keep an overwrite of a file that the other deleted, and show it once it is restored', () => {
    const [a, b] = pair()
    const file = a.file(TOP, 'a.txt', 'old')
    sync(a, b)
    a.edit.trash([file])
    b.edit.addVersion(file, text('new'))
    sync(a, b)
    expect(a.drive.view.trash().map((entry) => entry.id)).toEqual([file])
    expect(a.contents(file)).toEqual(['new', 'old'])
    a.edit.restore([file])
    sync(a, b)
    expect(b.shown()).toEqual(['a.txt = new|old'])
  })

  it('keep an overwrite of a file that the other purged, with its name', () => {
    const [a, b] = pair()
    const file = a.file(TOP, 'a.txt', 'old')
    sync(a, b)
    a.edit.trash([file])
    a.edit.emptyTrash()
    b.edit.addVersion(file, text('new'))
    sync(a, b)
    sync(a, b)
    expect(a.shown()).toEqual(['trash a.txt = new'])
    expect(b.shown()).toEqual(a.shown())
  })

  it('keep what one moved out of a folder that the other deleted for good, folders with all that is in them', () => {
    const [a, b] = pair()
    const gone = a.edit.createFolder(TOP, 'gone')
    const kept = a.edit.createFolder(gone, 'kept')
    const file = a.file(kept, 'a.txt', 'one')
    a.edit.addVersion(file, text('two'))
    a.file(gone, 'b.txt', 'b')
    sync(a, b)
    a.edit.trash([gone])
    a.edit.emptyTrash()
    b.edit.move([kept], TOP)
    sync(a, b)
    sync(a, b)
    expect(b.shown()).toEqual(['kept', 'kept/a.txt = two|one'])
    expect(a.shown()).toEqual(b.shown())
  })

  it('leave deleted what one had moved into the deleted folder before it deleted it for good', () => {
    const [a, b] = pair()
    const gone = a.edit.createFolder(TOP, 'gone')
    a.file(TOP, 'a.txt', 'one')
    sync(a, b)
    a.edit.move([a.id('a.txt')], gone)
    a.edit.trash([gone])
    a.edit.emptyTrash()
    sync(a, b)
    sync(a, b)
    expect(b.shown()).toEqual([])
    expect(a.shown()).toEqual([])
    expect([...a.drive.view.contents()]).toEqual([])
  })

  it('keep what one restored while the other emptied the trash, without any help of the other', () => {
    const [a, b] = pair()
    const folder = a.edit.createFolder(TOP, 'docs')
    a.file(folder, 'a.txt', 'one')
    a.edit.trash([folder])
    sync(a, b)
    a.edit.emptyTrash()
    b.edit.restore([folder])
    a.drive.apply(b.drive.snapshot())
    expect(a.shown()).toEqual(['docs', 'docs/a.txt = one'])
    sync(a, b)
    expect(b.shown()).toEqual(a.shown())
  })

  it('show a file that was put into a folder while the other purged it in the trash, and restore it to the top', () => {
    const [a, b] = pair()
    const folder = a.edit.createFolder(TOP, 'docs')
    sync(a, b)
    a.edit.trash([folder])
    a.edit.emptyTrash()
    const file = b.file(folder, 'late.txt', 'late')
    sync(a, b)
    sync(a, b)
    expect(a.shown()).toEqual(['trash late.txt = late'])
    expect(b.shown()).toEqual(a.shown())
    a.clock.at += 3 * DAY
    a.edit.purge()
    expect(a.shown()).toEqual(['trash late.txt = late'])
    a.edit.restore([file])
    expect(a.shown()).toEqual(['late.txt = late'])
  })

  it('find a late file in its folder again, once somebody else turns out to have restored the folder', () => {
    const [a, b] = pair()
    const folder = a.edit.createFolder(TOP, 'docs')
    sync(a, b)
    const late = a.another(3)
    a.edit.trash([folder])
    sync(a, b)
    a.edit.emptyTrash()
    late.file(folder, 'late.txt', 'late')
    sync(a, late)
    expect(a.shown()).toEqual(['trash late.txt = late'])
    b.edit.restore([folder])
    sync(a, b)
    expect(a.shown()).toEqual(['docs', 'docs/late.txt = late'])
    expect(b.shown()).toEqual(a.shown())
  })

  it('keep an old version that one restored while the other purged it', () => {
    const [a, b] = pair()
    const file = a.file(TOP, 'a.txt', 'one')
    a.clock.at += DAY
    a.edit.addVersion(file, text('two'))
    b.clock.at = a.clock.at += 40 * DAY
    sync(a, b)
    const old = b.drive.view.versions(file)[1]?.id ?? ''
    a.edit.purge()
    expect(a.contents(file)).toEqual(['two'])
    b.edit.restoreVersion(file, old)
    sync(a, b)
    expect(a.contents(file)).toEqual(['one', 'two'])
    expect(b.contents(file)).toEqual(['one', 'two'])
  })
})

describe('names', () => {
  it('that became alike while devices were apart are both kept, one shown with a number before the extension', () => {
    const [a, b] = pair()
    a.file(TOP, 'Übung.txt', '1')
    b.file(TOP, 'u\u0308BUNG.TXT', '2')
    a.file(TOP, 'x (2).txt', '3')
    a.file(TOP, 'x.txt', '4')
    b.file(TOP, 'x.txt', '5')
    sync(a, b)
    expect(a.shown()).toEqual(b.shown())
    const names = a.drive.view.children(TOP).map((entry) => entry.name)
    expect(names.filter((name) => name.startsWith('x'))).toEqual(['x (2).txt', 'x (3).txt', 'x.txt'].sort(new Intl.Collator('en', { numeric: true }).compare))
    expect(names.filter((name) => name.includes(' (2).') && !name.startsWith('x'))).toHaveLength(1)
    const second = a.drive.view.children(TOP).find((entry) => entry.name === 'x (3).txt')
    a.edit.trash([a.id('x.txt')])
    expect(a.drive.view.entry(second?.id ?? '').name).toBe('x.txt')
  })

  it('are refused with the reason when they are no file names', () => {
    const a = new FakeDevice(1)
    const reasons = { '': 'name.empty', '.': 'name.dots', '..': 'name.dots', 'a/b': 'name.slash', 'a\u0000': 'name.control', '\ud800': 'name.malformed', ['é'.repeat(128)]: 'name.long' }
    for (const [name, reason] of Object.entries(reasons)) {
      expect(code(() => a.edit.createFolder(TOP, name))).toBe(reason)
      expect(code(() => a.edit.ensureFolder(['ok', name]))).toBe(reason)
    }
    expect(a.shown()).toEqual([])
    expect(code(() => a.edit.createFolder(TOP, 'é'.repeat(127)))).toBe('done')
  })

  it('alike another are refused, kept with a number, or replace a file', () => {
    const a = new FakeDevice(1)
    const file = a.file(TOP, 'a.txt', 'one')
    expect(code(() => a.file(TOP, 'A.TXT', 'two'))).toBe('name.taken')
    expect(a.edit.addFile(TOP, 'A.TXT', text('two'), { clash: 'replace' })).toBe(file)
    a.edit.addFile(TOP, 'A.TXT', text('three'), { clash: 'keep both' })
    expect(a.shown()).toEqual(['A (2).TXT = three', 'a.txt = two|one'])
    const folder = a.edit.createFolder(TOP, 'folder')
    expect(code(() => a.edit.addFile(TOP, 'Folder', text(''), { clash: 'replace' }))).toBe('name.taken')
    expect(code(() => a.edit.rename(folder, 'A.txt', { clash: 'replace' }))).toBe('name.taken')
    a.edit.rename(file, 'A.txt')
    const inside = a.file(folder, 'a.TXT', 'four')
    expect(code(() => a.edit.move([inside], TOP))).toBe('name.taken')
    a.edit.move([inside], TOP, { clash: 'replace' })
    expect(a.contents(file)).toEqual(['four', 'two', 'one'])
    expect(a.drive.view.trash().map((entry) => entry.id)).toEqual([inside])
  })

  it('of entries that are moved together are not made alike', () => {
    const a = new FakeDevice(1)
    const [one, two, to] = ['one', 'two', 'to'].map((name) => a.edit.createFolder(TOP, name)) as [string, string, string]
    const files = [a.file(one, 'a', '1'), a.file(two, 'a', '2')]
    expect(code(() => a.edit.move(files, to))).toBe('name.taken')
    expect(a.drive.view.children(to)).toEqual([])
    a.edit.move(files, to, { clash: 'keep both' })
    expect(a.drive.view.children(to).map((entry) => entry.name)).toEqual(['a', 'a (2)'])
  })
})

describe('the trash', () => {
  it('takes a folder with one small change, and gives it back whole, but for what was deleted before by itself', () => {
    const a = new FakeDevice(1)
    const folder = a.edit.createFolder(TOP, 'docs')
    for (let i = 0; i < 500; i++) a.file(folder, `${i}.txt`, '')
    a.edit.trash([a.id('docs/7.txt')])
    a.drive.takeChanges()
    a.edit.trash([folder])
    expect(a.drive.takeChanges()?.length).toBeLessThan(100)
    expect(a.drive.view.children(TOP)).toEqual([])
    expect(a.drive.view.totals()).toMatchObject({ all: { files: 500, folders: 1 }, trash: { files: 500, folders: 1 } })
    expect(code(() => a.edit.rename(folder, 'x'))).toBe('entry.trashed')
    expect(code(() => a.file(folder, 'x', ''))).toBe('entry.trashed')
    a.edit.restore([folder])
    expect(a.drive.view.children(folder)).toHaveLength(499)
    expect(a.drive.view.trash()).toHaveLength(1)
    a.edit.restore([a.drive.view.trash()[0]?.id ?? ''])
    expect(a.drive.view.path(a.id('docs/7.txt'))).toEqual(['docs', '7.txt'])
  })

  it('gives a file back to the top when its folder is in the trash', () => {
    const a = new FakeDevice(1)
    const folder = a.edit.createFolder(TOP, 'docs')
    const file = a.file(folder, 'a', '1')
    a.edit.trash([folder])
    a.edit.restore([file])
    expect(a.shown()).toEqual(['a = 1', 'trash docs'])
  })

  it('is purged of what was deleted before keepDays, and old versions go keepDays after they were replaced', () => {
    const a = new FakeDevice(1)
    const file = a.file(TOP, 'a', 'one')
    const other = a.file(TOP, 'b', 'b')
    a.clock.at += 100 * DAY
    a.edit.addVersion(file, text('two'))
    a.edit.trash([other])
    a.clock.at += 29 * DAY
    a.edit.purge()
    expect(a.shown()).toEqual(['a = two|one', 'trash b = b'])
    a.clock.at += 2 * DAY
    a.edit.purge()
    expect(a.shown()).toEqual(['a = two'])
    expect([...a.drive.view.contents()]).toEqual([utf8('two')])
    a.edit.setKeepDays(2)
    expect(a.drive.view.keepDays).toBe(2)
    a.edit.trash([file])
    a.clock.at += 3 * DAY
    a.edit.purge()
    expect(a.shown()).toEqual([])
    expect(code(() => a.edit.setKeepDays(0))).toBe('days.range')
  })
})

describe('operations', () => {
  it('name what is wrong: nothing there, a file for a folder, a folder into itself', () => {
    const a = new FakeDevice(1)
    const folder = a.edit.createFolder(TOP, 'one')
    const inner = a.edit.createFolder(folder, 'two')
    const file = a.file(TOP, 'f', '')
    expect(code(() => a.edit.move([folder], inner))).toBe('move.cycle')
    expect(code(() => a.edit.move([folder], folder))).toBe('move.cycle')
    expect(code(() => a.edit.move([inner], file))).toBe('entry.kind')
    expect(code(() => a.edit.addVersion(folder, text('')))).toBe('entry.kind')
    expect(code(() => a.edit.rename('fAAAAAAAAAAAA', 'x'))).toBe('entry.absent')
    expect(code(() => a.edit.restoreVersion(file, 'AAAAAAAA'))).toBe('version.absent')
    expect(code(() => a.edit.addVersion(file, { ...text(''), content: new Uint8Array(4097) }))).toBe('version.large')
  })

  it('make the folders of a path as far as they are not there', () => {
    const a = new FakeDevice(1)
    const one = a.edit.ensureFolder(['x', 'y'])
    expect(a.edit.ensureFolder(['X', 'y'])).toBe(one)
    a.edit.ensureFolder(['y', 'z'], one)
    a.file(one, 'f', '')
    expect(code(() => a.edit.ensureFolder(['x', 'y', 'F', 'g']))).toBe('name.taken')
    expect(a.shown()).toEqual(['x', 'x/y', 'x/y/f = ', 'x/y/y', 'x/y/y/z'])
  })

  it('make a new version current even when the clock is behind', () => {
    const a = new FakeDevice(1)
    const file = a.file(TOP, 'f', 'one')
    a.clock.at -= DAY
    a.edit.addVersion(file, text('two'))
    expect(a.contents(file)).toEqual(['two', 'one'])
  })
})

describe('what a drive says of devices', () => {
  const device = '0123456789abcdef'.repeat(2)

  it('tells all that one was asked to sign out, and that it did', () => {
    const [a, b] = pair()
    let told = 0
    b.drive.watch(() => told++, new AbortController().signal)
    a.edit.askSignOut(device)
    sync(a, b)
    expect([b.drive.view.signOut(device), b.drive.view.signOut('f'.repeat(32)), told]).toEqual(['asked', undefined, 1])
    b.edit.noteLeft(device)
    sync(a, b)
    expect(a.drive.view.signOut(device)).toBe('left')
  })

  it('takes nothing for the id of a device that is none', () => {
    const [a] = pair()
    expect(code(() => a.edit.askSignOut('layout'))).toBe('device.id')
  })
})
