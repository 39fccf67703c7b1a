import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Key } from 'interface-datastore'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadSeed, makeFolder } from './data-folder.ts'
import { openLevelDatastore } from './level-datastore.ts'
import { stat, writeFile } from 'node:fs/promises'

describe('what a Node peer keeps on disk', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shoal-peer-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is there again after a restart, in key order, by prefix', async () => {
    const first = await openLevelDatastore(join(folder, 'store'))
    await first.put(new Key('/a/2'), Uint8Array.of(2))
    const batch = first.batch()
    batch.put(new Key('/a/1'), Uint8Array.of(1))
    batch.put(new Key('/b'), Uint8Array.of(3))
    batch.delete(new Key('/a/2'))
    await batch.commit()
    await first.put(new Key('/a/2'), Uint8Array.of(4))
    await first.close()
    const second = await openLevelDatastore(join(folder, 'store'))
    const found: string[] = []
    for await (const { key, value } of second.query({ prefix: '/a' })) found.push(`${key.toString()}=${value.join()}`)
    for await (const key of second.queryKeys({ prefix: '/b' })) found.push(key.toString())
    expect(found).toEqual(['/a/1=1', '/a/2=4', '/b'])
    await second.close()
  })

  it('tells libp2p by the name of the error what is not there', async () => {
    const store = await openLevelDatastore(join(folder, 'store'))
    await expect(store.get(new Key('/none'))).rejects.toMatchObject({ name: 'NotFoundError' })
    expect(await store.has(new Key('/none'))).toBe(false)
    await store.put(new Key('/some'), new Uint8Array(0))
    await store.delete(new Key('/some'))
    expect(await store.has(new Key('/some'))).toBe(false)
    await store.close()
  })

  it('belongs to one process: a second opening says that it is locked', async () => {
    const store = await openLevelDatastore(join(folder, 'store'))
    await expect(openLevelDatastore(join(folder, 'store'))).rejects.toMatchObject({ code: 'data.locked' })
    await store.close()
    await writeFile(join(folder, 'file'), '')
    await expect(openLevelDatastore(join(folder, 'file'))).rejects.toMatchObject({ code: 'data.unusable' })
  })

  it('a key is made once, for its owner only, and a damaged one is not replaced', async () => {
    const seed = await loadSeed(join(folder, 'key'))
    expect(seed).toHaveLength(32)
    expect(await loadSeed(join(folder, 'key'))).toEqual(seed)
    expect((await stat(join(folder, 'key'))).mode & 0o777).toBe(0o600)
    await writeFile(join(folder, 'key'), seed.subarray(1))
    await expect(loadSeed(join(folder, 'key'))).rejects.toMatchObject({ kind: 'corrupt', code: 'key.damaged' })
  })

  it('makes folders that are missing, takes those that are there, and gives up where none can be made', async () => {
    await makeFolder(join(folder, 'a', 'b', 'c'))
    await makeFolder(join(folder, 'a', 'b', 'c'))
    expect((await stat(join(folder, 'a', 'b', 'c'))).isDirectory()).toBe(true)
    await expect(makeFolder('/proc/none/there')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
