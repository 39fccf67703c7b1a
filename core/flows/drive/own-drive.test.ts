import { describe, expect, it } from 'vitest'
import { utf8 } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import type { NewContent } from '../../drive/editor.ts'
import { TOP } from '../../formats/drive.ts'
import { faultyMetaStore, Faults } from '../../testkit/faulty.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../../testkit/memory-meta-store.ts'
import { SeededRandom } from '../../testkit/seeded-random.ts'
import { Journal } from '../journal.ts'
import { OwnDrive } from './own-drive.ts'

let seed = 1

/** The drive over a disk that outlives it. */
async function open(disk = memoryMetaDisk(), faults = new Faults()) {
  const journal = new Journal(faultyMetaStore(new MemoryMetaStore(disk), faults))
  const reports: AppError[] = []
  const own = await OwnDrive.open(journal, { report: (error) => void reports.push(error), random: new SeededRandom(++seed), now: () => 1_700_000_000_000 + seed, device: 0 })
  return { own, disk, faults, reports, edit: own.drive.edit, names: namesOf(own) }
}

const namesOf = (own: OwnDrive): string[] => own.drive.view.children(TOP).map(({ name }) => name)
const content = (text: string): NewContent => ({ size: text.length, type: 'text/plain', modified: 1, content: utf8(text) })

describe('the drive of a device', () => {
  it('is empty at first, and after a restart what it was when it was saved', async () => {
    const { own, disk, edit, names } = await open()
    expect(names).toEqual([])
    const folder = edit.createFolder(TOP, 'Photos')
    edit.addFile(folder, 'a.jpg', content('a'))
    await own.save()
    edit.createFolder(TOP, 'never saved')
    const again = await open(disk)
    expect(again.names).toEqual(['Photos'])
    expect(again.own.drive.view.children(folder).map(({ name }) => name)).toEqual(['a.jpg'])
  })

  it('says what it saved, so that another device can merge it, and nothing when there was nothing', async () => {
    const { own, edit } = await open()
    expect(await own.save()).toBeUndefined()
    edit.createFolder(TOP, 'Photos')
    const change = await own.save()
    expect(await own.save()).toBeUndefined()
    const other = await open()
    other.own.drive.apply(change!)
    expect(namesOf(other.own)).toEqual(['Photos'])
  })

  it('keeps what could not be written, and writes it with what comes next', async () => {
    const { own, disk, faults, edit } = await open()
    edit.createFolder(TOP, 'first')
    faults.fail(1)
    await expect(own.save()).rejects.toMatchObject({ code: 'test.fault' })
    edit.createFolder(TOP, 'second')
    await own.save()
    expect((await open(disk)).names).toEqual(['first', 'second'])
  })

  it('killed at any point of saving opens as it was saved last, or as it was to be saved', async () => {
    const crashes = 40
    let torn = 0
    for (let at = 2; at < 2 + crashes; at++) {
      const { own, disk, faults, edit } = await open()
      faults.crashAfter(at)
      let saved = 0
      let made = 0
      try {
        for (; made < 2 * crashes; saved = made) {
          edit.createFolder(TOP, `folder ${String(made).padStart(3, '0')}`)
          made++
          await own.save()
        }
      } catch {
        torn++
      }
      const { names } = await open(disk)
      expect([saved, made]).toContain(names.length)
      expect(names).toEqual(Array.from({ length: names.length }, (_, i) => `folder ${String(i).padStart(3, '0')}`))
    }
    expect(torn).toBe(crashes)
  })

  it('is merged on its disk after many saves, and loses nothing by it', async () => {
    const { own, disk, edit } = await open()
    for (let i = 0; i < 600; i++) {
      edit.createFolder(TOP, `folder ${String(i)}`)
      await own.save()
    }
    expect(disk.entries.size).toBeLessThan(200)
    expect((await open(disk)).names).toHaveLength(600)
  })

  it('says what it saved also when its disk has no room for merging, and merges later', async () => {
    const { own, disk, edit, reports, faults } = await open()
    for (let i = 0; i < 501; i++) {
      edit.createFolder(TOP, `folder ${String(i)}`)
      await own.save()
    }
    const before = disk.entries.size
    edit.createFolder(TOP, 'the one after which merging is due')
    faults.fail(2, new AppError('quota', 'storage.full', 'no room'))
    expect(await own.save()).toBeDefined()
    expect(reports.map(({ code }) => code)).toEqual(['storage.full'])
    expect(disk.entries.size).toBe(before + 1)
    edit.createFolder(TOP, 'one more')
    await own.save()
    expect(disk.entries.size).toBeLessThan(3)
    expect((await open(disk)).names).toHaveLength(503)
  })
})
