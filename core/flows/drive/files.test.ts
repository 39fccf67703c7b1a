import { afterEach, describe, expect, test, vi } from 'vitest'
import { TOP } from '../../formats/drive.ts'
import { failureOf, reads, storageWorld, testFile, type Device, type StorageWorld } from '../../testkit/storage-world.ts'
import type { Storage } from '../storage.ts'
import { DriveFiles, type Published } from './files.ts'
import { Lists } from './lists.ts'
import { OwnDrive } from './own-drive.ts'

vi.setConfig({ testTimeout: 60_000 })

const worlds: StorageWorld[] = []
afterEach(() => {
  for (const made of worlds.splice(0)) made.close()
})

async function world() {
  const made = await storageWorld(0)
  worlds.push(made)
  const hosts = await made.hosts(4)
  /** What a session has, on a device that runs. */
  const open = async (device: Device, published?: Published) => {
    const storage = await device.start()
    const { random, clock } = made.shards
    const report = (): void => undefined
    const own = await OwnDrive.open(storage.list.journal, { random, now: () => clock.now(), device: 0, report })
    const notes: Uint8Array[] = []
    const files = new DriveFiles({ own, storage, clock, report, note: (change) => void notes.push(change), published: () => published })
    await files.start()
    let revision = 0
    own.drive.watch(() => { revision++ }, new AbortController().signal)
    const lists = new Lists({ files, storage, kept: () => undefined, revision: () => revision, deviceName: () => undefined })
    const whole = (id: string): Promise<void> => made.until(() => files.stored(id)?.record.status === 'stored', id)
    return { storage, own, files, lists, notes, whole, at: (path: string) => idAt(files, path) }
  }
  return { made, hosts, device: made.device(), open }
}

function idAt({ view }: DriveFiles, path: string): string {
  let at = TOP
  for (const name of path.split('/')) at = view.children(at).find((entry) => entry.name === name)?.id ?? 'nothing'
  return at
}

function keysOf(device: Device, prefix: string): string[] {
  return [...device.metaDisk.entries.keys()].filter((key) => key.startsWith(prefix))
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text.repeat(500), (letter) => letter.charCodeAt(0))

async function removed(storage: Storage, count: number, made: StorageWorld): Promise<void> {
  await made.until(() => storage.list.table.files.size === count, `${String(count)} files in the list`)
}

describe('the files of a drive', () => {
  test('stand where they were dropped, in the folders of their paths, and read back under the names of the drive', async () => {
    const { device, open, made } = await world()
    const { files, lists, at, whole } = await open(device)
    const photos = await files.change((edit) => edit.createFolder(TOP, 'photos'))
    await files.add([{ file: testFile('a.jpg', bytesOf('a')), path: '2024/may/a.jpg' }, { file: testFile('b.jpg', bytesOf('b')), path: '2024/b.jpg' }], photos)
    const a = at('photos/2024/may/a.jpg')
    await whole(a)
    await files.change((edit) => edit.rename(a, 'c.jpg'))
    expect(files.reader(a)).toMatchObject({ name: 'c.jpg', size: 500 })
    expect(await reads(files.reader(a), bytesOf('a'))).toBe(true)
    await made.until(() => lists.list({ kind: 'search', text: 'jpg' }, 0, 10).rows.every(({ status }) => status?.kind === 'safe'))
    expect(lists.list({ kind: 'folder', folder: at('photos/2024'), sort: 'name' }, 0, 10)).toMatchObject({
      total: 2,
      path: [{ name: 'photos' }, { name: '2024' }],
      rows: [{ name: 'may', kind: 'folder' }, { name: 'b.jpg', kind: 'file', size: 500 }],
    })
  })

  test('with the name of another one become its newest version, and both can be read', async () => {
    const { device, open } = await world()
    const { files, lists, at, whole } = await open(device)
    await files.add([{ file: testFile('a', bytesOf('1')), path: 'a' }], TOP)
    await whole(at('a'))
    await files.add([{ file: testFile('a', bytesOf('2')), path: 'a' }], TOP)
    await whole(at('a'))
    const versions = lists.versions(at('a'))
    expect(versions.map(({ current }) => current)).toEqual([true, false])
    expect(await reads(files.reader(at('a')), bytesOf('2'))).toBe(true)
    expect(await reads(files.reader(at('a'), versions[1]?.id), bytesOf('1'))).toBe(true)
  })

  test('go beside a folder of their name, with a number, and so do folders beside a file', async () => {
    const { device, open } = await world()
    const { files, at } = await open(device)
    await files.change((edit) => edit.createFolder(TOP, 'x'))
    await files.add([{ file: testFile('x', bytesOf('1')), path: 'x' }, { file: testFile('y', bytesOf('2')), path: 'y' }, { file: testFile('z', bytesOf('3')), path: 'y/z' }], TOP)
    expect(at('x (2)')).toMatch(/^f/)
    expect(at('y (2)/z')).toMatch(/^f/)
  })

  test('that come together and are called alike are different files, and so are those of a restored list', async () => {
    const { made, device, open } = await world()
    const { files, at, whole, storage } = await open(device)
    await files.add([{ file: testFile('README', bytesOf('1')), path: 'README' }, { file: testFile('readme', bytesOf('2')), path: 'readme' }], TOP)
    expect(files.view.children(TOP).map(({ name, versions }) => [name, versions])).toEqual([['README', 1], ['readme (2)', 1]])
    await files.add([{ file: testFile('README', bytesOf('3')), path: 'README' }], TOP)
    for (const name of ['README', 'readme (2)']) await whole(at(name))
    const other = await open(made.device())
    await other.storage.restore(await storage.backup())
    await other.files.adopt()
    expect(other.files.view.children(TOP).map(({ versions }) => versions)).toEqual([1, 1, 1])
  })

  test('handed over again come out of the trash they were put into, and are kept when it is emptied', async () => {
    const { device, open, hosts, made } = await world()
    const first = await open(device)
    for (const host of hosts) host.kill()
    await made.until(() => first.storage.totals().hosts === 0)
    const given = { file: testFile('a', bytesOf('1')), path: 'x/a' }
    await first.files.add([given], TOP)
    await device.crash()
    const again = await open(device)
    await again.files.change((edit) => edit.trash([again.at('x')]))
    await again.files.add([given], TOP)
    await again.files.change((edit) => edit.emptyTrash())
    await again.files.release()
    for (const host of hosts) await host.start()
    await again.whole(again.at('x/a'))
    expect(await reads(again.files.reader(again.at('x/a')), bytesOf('1'))).toBe(true)
    expect(again.storage.list.table.files.size).toBe(1)
  })

  test('of a list that had no drive, and of a run that ended before the drive was written, get their places', async () => {
    const { device, open } = await world()
    const first = await device.start()
    await first.add([{ file: testFile('old', bytesOf('1')), path: 'letters/old' }])
    await device.crash()
    const again = await open(device)
    expect(again.at('letters/old')).toMatch(/^f/)
    await device.crash()
    const third = await open(device)
    expect(third.files.view.search('old')).toHaveLength(1)
  })

  test('that were deleted for good do not come back with the next start, and are released', async () => {
    const { device, open, made, hosts } = await world()
    const { files, at, whole, storage } = await open(device)
    await files.add([{ file: testFile('a', bytesOf('1')), path: 'a' }], TOP)
    await whole(at('a'))
    await files.change((edit) => edit.trash([at('a')]))
    await files.release()
    expect(storage.list.table.files.size).toBe(1)
    await files.change((edit) => edit.emptyTrash())
    await device.crash()
    const again = await open(device)
    expect(again.files.view.search('a')).toEqual([])
    await again.files.release()
    await removed(again.storage, 0, made)
    await made.until(() => hosts.every(({ shardDisk }) => shardDisk.shards.size === 0), 'empty vaults')
    expect(keysOf(device, 'named/')).toEqual([])
  })

  test('are kept after a deletion for good until every other device has merged it', async () => {
    const { device, open, made } = await world()
    const state = { sequence: 4, whole: true, merged: 0 }
    const published: Published = { sequence: () => state.sequence, isWhole: () => state.whole, mergedByAll: (sequence) => state.merged >= sequence }
    const { files, at, whole, storage } = await open(device, published)
    await files.add([{ file: testFile('a', bytesOf('1')), path: 'a' }], TOP)
    await whole(at('a'))
    await files.change((edit) => edit.trash([at('a')]))
    await files.change((edit) => edit.emptyTrash())
    state.whole = false
    await files.release()
    Object.assign(state, { sequence: 5, whole: true, merged: 4 })
    await files.release()
    expect(storage.list.table.files.size).toBe(1)
    state.merged = 5
    await files.release()
    await removed(storage, 0, made)
  })

  test('whose store is cancelled leave the version before them, or nothing', async () => {
    const { device, open, made, hosts } = await world()
    const { files, at, whole, storage } = await open(device)
    await files.add([{ file: testFile('a', bytesOf('1')), path: 'a' }], TOP)
    await whole(at('a'))
    for (const host of hosts) host.kill()
    await files.add([{ file: testFile('a', bytesOf('2')), path: 'a' }, { file: testFile('b', bytesOf('3')), path: 'b' }], TOP)
    await files.cancel(at('a'))
    await files.cancel(at('b'))
    expect(files.view.children(TOP).map(({ name, versions }) => [name, versions])).toEqual([['a', 1]])
    expect(files.stored(at('a'))?.record.status).toBe('stored')
    await removed(storage, 1, made)
  })

  test('that another device stored are said to be elsewhere, and read through their links', async () => {
    const { made, open } = await world()
    const [first, second] = [await open(made.device()), await open(made.device())]
    await first.files.add([{ file: testFile('a', bytesOf('1')), path: 'a' }], TOP)
    await first.whole(first.at('a'))
    second.own.drive.apply(first.own.drive.snapshot())
    const [row] = second.lists.list({ kind: 'folder', folder: TOP, sort: 'name' }, 0, 10).rows
    expect(row?.status).toEqual({ kind: 'elsewhere' })
    expect(await reads(second.files.reader(second.at('a')), bytesOf('1'))).toBe(true)
    expect(second.files.link(second.at('a'))).toBe(first.files.link(first.at('a')))
  })

  test('cannot be added to a folder that is in the trash', async () => {
    const { device, open } = await world()
    const { files } = await open(device)
    const folder = await files.change((edit) => edit.createFolder(TOP, 'x'))
    await files.change((edit) => edit.trash([folder]))
    expect(await failureOf(files.add([{ file: testFile('a', bytesOf('1')), path: 'a' }], folder))).toMatchObject({ code: 'entry.trashed' })
    expect(device.running.list.table.files.size).toBe(0)
  })
})
