import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../core/base/errors.ts'
import { storageWorld, type StorageWorld } from '../core/testkit/storage-world.ts'
import type { FileToAdd } from './contract.ts'
import { roomChoices } from './copies.ts'
import { download, stored, TestBrowser, watched } from './testkit/test-browser.ts'

const GIB = 2 ** 30
const letter: FileToAdd = { file: new File(['Dear reader, '.repeat(500)], 'letter.txt', { type: 'text/plain', lastModified: 1_700_000_000_000 }), path: 'letter.txt' }

describe('copies in a browser', () => {
  let world: StorageWorld
  let browser: TestBrowser
  beforeEach(async () => {
    world = await storageWorld(4)
    browser = new TestBrowser(world)
  })
  afterEach(() => {
    world.close()
  })

  it('may take as much room as the browser grants beside what it leaves free', () => {
    expect(roomChoices(0)).toEqual([0])
    expect(roomChoices(3 * GIB)).toEqual([0, 2 ** 28, GIB])
    expect(roomChoices(100 * GIB)).toEqual([0, 2 ** 28, GIB, 4 * GIB, 16 * GIB])
  })

  it('have the room that the person chose, also after a restart, and no other', async () => {
    const first = browser.tab()
    const seen = watched(first)
    await world.until(() => (seen.now.copies?.choices.length ?? 0) > 0)
    expect(seen.now.copies).toMatchObject({ room: GIB, cached: 0, kept: 0 })
    await first.add([letter], '')
    await stored(first, 'letter.txt', world)
    await world.until(() => (seen.now.copies?.cached ?? 0) > 0)
    await expect(first.setCopiesRoom(12_345)).rejects.toMatchObject({ kind: 'invalid', code: 'copies.room' })
    await first.setCopiesRoom(0)
    await world.until(() => seen.now.copies?.cached === 0)
    expect(browser.copiesDisk.shards.size).toBe(0)
    await first.stop()
    const second = browser.tab()
    const again = watched(second)
    await world.until(() => again.now.copies?.room === 0)
    await second.stop()
  })

  it('of a kept file are said in its row, and gone when the person signs out', async () => {
    const tab = browser.tab()
    await tab.add([letter], '')
    const id = await stored(tab, 'letter.txt', world)
    const kept = async () => (await tab.list({ kind: 'folder', folder: '', sort: 'name' }, 0, 10)).rows[0]?.kept
    expect(await kept()).toBeUndefined()
    const seen = watched(tab)
    await tab.setKept([id], true)
    await world.until(() => (seen.now.copies?.kept ?? 0) > 0)
    await expect.poll(kept).toEqual({ percent: 100, chosen: true })
    await tab.signOut()
    expect([browser.copiesDisk.shards.size, [...browser.copiesIndex.entries.keys()].length]).toEqual([0, 0])
    await tab.stop()
  })

  it('that cannot be opened hold nobody up', async () => {
    browser.copiesFail = new AppError('transient', 'shard.io', 'the disk hiccuped')
    const tab = browser.tab()
    await tab.add([letter], '')
    const id = await stored(tab, 'letter.txt', world)
    const own = await tab.downloadFile(id)
    expect(await download(tab, own.url)).toBe(await letter.file.text())
    await expect(tab.setKept([id], true)).rejects.toMatchObject({ code: 'copies.closed' })
    await tab.stop()
  })
})
