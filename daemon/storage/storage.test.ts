import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { MetaStore } from '../../core/ports/meta-store.ts'
import type { ShardStore } from '../../core/ports/shard-store.ts'
import { metaStoreContract } from '../../core/testkit/meta-store-contract.ts'
import { shardStoreContract, testBytes, testRoot, type ShardStoreBench } from '../../core/testkit/shard-store-contract.ts'
import { openShardStore } from '../../core/vault/shard-store.ts'
import { openLevelMetaStore } from './level-meta-store.ts'
import { openNodeShardFiles } from './node-shard-files.ts'

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'shoal-storage-'))

metaStoreContract('LevelDB', async () => {
  const folder = await newFolder()
  let open: MetaStore = await openLevelMetaStore(folder)
  return {
    store: open,
    async reopen() {
      await open.close()
      open = await openLevelMetaStore(folder)
      return open
    },
    async dispose() {
      await open.close()
      await rm(folder, { recursive: true })
    },
  }
})

shardStoreContract('A folder of files', async () => {
  const folder = await newFolder()
  const files = join(folder, 'shards')
  const pathOf = (root: string): string => join(files, root.slice(0, 2), root)
  const index = await openLevelMetaStore(join(folder, 'index'))
  const open = async (): Promise<ShardStore> => openShardStore(await openNodeShardFiles(files), index)
  const store = await open()
  const bench: ShardStoreBench = {
    store,
    async reopen(how) {
      if (how === 'closed') await store.close()
      return open()
    },
    async damage(root, how) {
      if (how === 'remove') await rm(pathOf(root))
      else await truncate(pathOf(root), how === 'shorten' ? 10 : 1_000_000)
    },
    async tear(root, bytes) {
      await mkdir(join(files, root.slice(0, 2)), { recursive: true })
      await writeFile(`${pathOf(root)}.tmp`, bytes.subarray(0, bytes.length / 2))
      await writeFile(pathOf(root), bytes.subarray(0, bytes.length / 2))
    },
    async dispose() {
      await store.close()
      await index.close()
      await rm(folder, { recursive: true })
    },
  }
  // The system's own full disk stands where the shard would be written.
  const fill = async (): Promise<void> => {
    await mkdir(join(files, testRoot(2).slice(0, 2)), { recursive: true })
    await symlink('/dev/full', `${pathOf(testRoot(2))}.tmp`)
  }
  return process.platform === 'linux' ? { ...bench, fill } : bench
})

describe('A folder of files', () => {
  let folder = ''
  afterEach(() => rm(folder, { recursive: true }))

  it('leaves no file behind once shards are deleted', async () => {
    folder = await newFolder()
    const index = await openLevelMetaStore(join(folder, 'index'))
    const files = await openNodeShardFiles(join(folder, 'shards'))
    const store = await openShardStore(files, index)
    await store.put(testRoot(1), testBytes(1000, 1))
    await store.delete(testRoot(1))
    expect(await files.names(testRoot(1).slice(0, 2))).toEqual([])
    await index.close()
  })

  it('says transient, never absent, when the index fails', async () => {
    folder = await newFolder()
    const index = await openLevelMetaStore(join(folder, 'index'))
    const files = await openNodeShardFiles(join(folder, 'shards'))
    await (await openShardStore(files, index)).put(testRoot(1), testBytes(1000, 1))
    // Another one over the same disk: what a store has just put it knows without its index.
    const store = await openShardStore(files, index)
    await index.close()
    await expect(store.get(testRoot(1))).rejects.toMatchObject({ kind: 'transient' })
    await expect(store.size(testRoot(1))).rejects.toMatchObject({ kind: 'transient' })
  })

  it('says so when another process has the index open', async () => {
    folder = await newFolder()
    const index = await openLevelMetaStore(folder)
    await expect(openLevelMetaStore(folder)).rejects.toMatchObject({ kind: 'transient', code: 'meta.locked' })
    await index.close()
  })
})
