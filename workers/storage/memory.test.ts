import { metaStoreContract } from '../../core/testkit/meta-store-contract.ts'
import { shardStoreContract, testRoot } from '../../core/testkit/shard-store-contract.ts'
import { openShardStore } from '../../core/vault/shard-store.ts'
import { forgetfulMetaStore, forgetfulShardFiles } from './memory.ts'

shardStoreContract('The memory of a tab', async () => {
  const files = forgetfulShardFiles()
  const index = forgetfulMetaStore()
  const store = await openShardStore(files, index)
  return {
    store,
    reopen: () => openShardStore(files, index),
    async damage(root, how) {
      if (how === 'remove') await files.remove('', root)
      else await files.write('', root, new Uint8Array(how === 'shorten' ? 1 : 100_000))
    },
    async fill() {
      await files.write('', testRoot(99), new Uint8Array(64 * 2 ** 20 - 5000))
    },
    tear: (root, bytes) => files.write('', root, bytes.subarray(0, 100)),
    dispose: () => store.close(),
  }
})

metaStoreContract('The memory of a tab', async () => {
  const entries = new Map<string, Uint8Array>()
  const store = forgetfulMetaStore(entries)
  return { store, reopen: async () => forgetfulMetaStore(entries), dispose: () => store.close() }
})
