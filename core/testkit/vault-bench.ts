import { toHex, type Bytes } from '../base/bytes.ts'
import type { AppError } from '../base/errors.ts'
import type { MetaStore } from '../ports/meta-store.ts'
import type { ShardStore } from '../ports/shard-store.ts'
import { openVault, type NewLease, type Vault } from '../swarm/vault.ts'
import { FakeClock } from './fake-clock.ts'
import { MemoryMetaStore, memoryMetaDisk } from './memory-meta-store.ts'
import { MemoryShardStore, memoryShardDisk } from './memory-shard-store.ts'
import { SeededRandom } from './seeded-random.ts'

/** Two tenants. */
export const ANNA = 'a1'.repeat(32)
export const BERT = 'b2'.repeat(32)
export const GIB = 1024 ** 3
export const DAY = 86_400

/** What stands between the vault and its stores, for faults. */
export interface Wraps {
  readonly shards?: (store: ShardStore) => ShardStore
  readonly meta?: (store: MetaStore) => MetaStore
}

/** Disks that outlive the vaults opened over them. A root is any name here: the vault does not hash. */
export class VaultBench {
  readonly shardDisk = memoryShardDisk(10 * GIB)
  readonly metaDisk = memoryMetaDisk()
  readonly clock = new FakeClock()
  readonly reports: AppError[] = []
  readonly random = new SeededRandom(5)
  offered = GIB

  open(wraps: Wraps = {}): Promise<Vault> {
    const shards = new MemoryShardStore(this.shardDisk)
    const meta = new MemoryMetaStore(this.metaDisk)
    return openVault({
      shards: wraps.shards?.(shards) ?? shards,
      meta: wraps.meta?.(meta) ?? meta,
      clock: this.clock,
      offered: this.offered,
      report: (error) => void this.reports.push(error),
    })
  }

  shard(size: number): { root: string; name: Bytes; bytes: Bytes; size: number } {
    const name = this.random.bytes(32)
    return { root: toHex(name), name, bytes: this.random.bytes(size), size }
  }

  lease(days = 180): NewLease {
    const issued = Math.floor(this.clock.now() / 1000)
    return { id: this.random.bytes(16), issued, expires: issued + days * DAY }
  }

  /** Whether disk and index hold nothing at all. */
  get isEmpty(): boolean {
    return this.shardDisk.shards.size === 0 && this.metaDisk.entries.size === 0
  }
}
