import { describe, expect, it } from 'vitest'
import { TOP } from '../formats/drive.ts'
import { FakeDevice, sync, text } from '../testkit/drive-device.ts'
import { alikeKey, searchKey } from './names.ts'
import type { TreeChange } from './tree.ts'
import type { SortKey } from './view.ts'

describe('a folder', () => {
  it('lists folders first, by name as people count, or by size, date or kind', () => {
    const a = new FakeDevice(1)
    a.edit.createFolder(TOP, 'z')
    a.edit.addFile(TOP, 'f10', { ...text(''), size: 5, type: 'b/b', modified: 3 })
    a.edit.addFile(TOP, 'F9', { ...text(''), size: 7, type: 'a/a', modified: 1 })
    a.edit.addFile(TOP, 'é', { ...text(''), size: 6, type: 'c/c', modified: 2 })
    const names = (sort: SortKey): string[] => a.drive.view.children(TOP, sort).map((entry) => entry.name)
    expect(names('name')).toEqual(['z', 'é', 'F9', 'f10'])
    expect(names('size')).toEqual(['z', 'F9', 'é', 'f10'])
    expect(names('date')).toEqual(['z', 'f10', 'é', 'F9'])
    expect(names('kind')).toEqual(['z', 'F9', 'f10', 'é'])
  })
})

describe('a search', () => {
  const a = new FakeDevice(1)
  const holiday = a.edit.ensureFolder(['Ürlaub', '2024'])
  const other = a.edit.createFolder(TOP, 'other')
  for (const name of ['Café am Meer.jpg', 'meer.txt', 'Berg.JPG']) a.file(holiday, name, '')
  a.file(other, 'am meer.txt', '')
  const found = (query: string, limit?: number): string[] => a.drive.view.search(query, limit).map((entry) => a.drive.view.path(entry.id).join('/'))

  it('finds all words in names and paths, whatever their case and accents', () => {
    expect(found('CAFE')).toEqual(['Ürlaub/2024/Café am Meer.jpg'])
    expect(found('urlaub jpg').sort()).toEqual(['Ürlaub/2024/Berg.JPG', 'Ürlaub/2024/Café am Meer.jpg'])
    expect(found('2024/meer')).toHaveLength(2)
    expect(found('meer nothing')).toEqual([])
    expect(found('  ')).toEqual([])
  })

  it('gives names that start with the first word first, then other names, then paths, up to the limit', () => {
    expect(found('meer')[0]).toBe('Ürlaub/2024/meer.txt')
    expect(found('meer', 1)).toEqual(['Ürlaub/2024/meer.txt'])
    expect(found('urlaub')[0]).toBe('Ürlaub')
    expect(found('urlaub')).toHaveLength(5)
  })

  it('leaves out the trash', () => {
    a.edit.trash([other])
    expect(found('am')).toEqual(['Ürlaub/2024/Café am Meer.jpg'])
    a.edit.restore([other])
    expect(found('am')).toHaveLength(2)
  })
})

describe('names', () => {
  it('are alike after NFC and case folding, and for a search also without accents', () => {
    for (const [one, two] of [['STRASSE', 'straße'], ['é', 'E\u0301'], ['ΣΑΣ', 'σας'], ['a', 'A']] as const) expect(alikeKey(one)).toBe(alikeKey(two))
    expect(alikeKey('e')).not.toBe(alikeKey('é'))
    expect(searchKey('Élan')).toBe('elan')
  })
})

describe('a watcher', () => {
  it('is told which entries and folders a change touched, local or merged, until it stops', () => {
    const [a, stop] = [new FakeDevice(1), new AbortController()]
    const b = a.another(2)
    const changes: TreeChange[] = []
    b.drive.watch((change) => void changes.push(change), stop.signal)
    const folder = a.edit.createFolder(TOP, 'docs')
    const file = a.file(TOP, 'f', '')
    sync(a, b)
    expect([...(changes[0]?.entries ?? [])].sort()).toEqual([folder, file].sort())
    expect([...(changes[0]?.folders ?? [])]).toEqual([TOP])
    b.edit.move([file], folder)
    expect(changes[1]?.trash).toBe(false)
    expect([...(changes[1]?.folders ?? [])].sort()).toEqual([TOP, folder].sort())
    b.edit.trash([file])
    expect(changes[2]?.trash).toBe(true)
    expect(changes).toHaveLength(3)
    stop.abort()
    b.edit.restore([file])
    expect(changes).toHaveLength(3)
  })
})
