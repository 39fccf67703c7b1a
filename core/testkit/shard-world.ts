import { toHex, type Bytes } from '../base/bytes.ts'
import type { AppError } from '../base/errors.ts'
import { loadBlake3, type Blake3 } from '../merkle/blake3.ts'
import type { MetaStore } from '../ports/meta-store.ts'
import type { Identity, PeerKey } from '../ports/network.ts'
import type { ShardStore } from '../ports/shard-store.ts'
import * as ed25519 from '../seal/ed25519.ts'
import { advertKeeper } from '../swarm/advert-keeper.ts'
import { openShardClient } from '../swarm/client.ts'
import { SHARD_PROTOCOL } from '../swarm/limits.ts'
import { serveShards } from '../swarm/server.ts'
import type { ShardClient, Tenant } from '../swarm/shard-client.ts'
import { openVault, type Vault } from '../swarm/vault.ts'
import { FakeClock } from './fake-clock.ts'
import { MemoryMetaStore, memoryMetaDisk, type MemoryMetaDisk } from './memory-meta-store.ts'
import { MemoryHub, type MemoryNetwork } from './memory-network.ts'
import { MemoryDht, MemoryRecords } from './memory-records.ts'
import { MemoryShardStore, memoryShardDisk, type MemoryShardDisk } from './memory-shard-store.ts'
import type { MemoryStreamOptions } from './memory-stream.ts'
import { SeededRandom } from './seeded-random.ts'

const GIB = 1024 ** 3

export interface KeyPair extends Tenant {
  /** `key` in hexadecimal. */
  readonly name: PeerKey
}

/** An Ed25519 key pair that is always the same for one number. */
export function keyPair(number: number): KeyPair {
  const seed = new SeededRandom(number).bytes(32)
  const key = ed25519.keyFromSeed(seed)
  return { seed, key, name: toHex(key) }
}

export interface WorldOptions {
  readonly seed?: number
  readonly streams?: MemoryStreamOptions
}

/** A small world of real hosts on memory disks and of clients, with real signatures and hashes, in which a test owns time and chance. */
export class ShardWorld {
  readonly hub: MemoryHub
  readonly clock = new FakeClock()
  readonly random: SeededRandom
  readonly dht = new MemoryDht()
  readonly records: MemoryRecords
  readonly blake3: Blake3
  private numbers = 1

  constructor(blake3: Blake3, options: WorldOptions) {
    this.blake3 = blake3
    this.hub = new MemoryHub(options.streams)
    this.random = new SeededRandom(options.seed ?? 1)
    this.records = new MemoryRecords(this.dht, this.clock, { ...ed25519, publicKey: ed25519.keyFromSeed })
  }

  /** A number that no other key of this world has. */
  number(): number {
    return this.numbers++
  }

  /** A host that runs and announces itself. */
  async host(options: MemoryHostOptions = {}): Promise<MemoryHost> {
    const host = new MemoryHost(this, keyPair(this.number()), options)
    await host.start()
    return host
  }

  /** A peer that only asks. */
  peer(): MemoryNetwork {
    return this.hub.join(keyPair(this.number()).name)
  }

  /** A client of `host`: as `tenant`, or as a mere reader with `null`. By default a tenant that is always the same. */
  async client(host: MemoryHost, tenant: Tenant | null = keyPair(-1), network: MemoryNetwork = this.peer()): Promise<ShardClient> {
    const stream = await network.open({ key: host.key.name, addresses: [] }, SHARD_PROTOCOL)
    const { clock, blake3 } = this
    const base = { hostKey: host.key.name, selfKey: network.self, clock, blake3, signatures: ed25519 }
    return openShardClient(stream, tenant === null ? base : { ...base, tenant })
  }

  /** `length` random bytes and their root. */
  shard(length: number): { root: Bytes; bytes: Bytes; size: number } {
    const bytes = this.random.bytes(length)
    return { root: this.blake3.hash(bytes), bytes, size: length }
  }
}

/** A new world. */
export async function shardWorld(options: WorldOptions = {}): Promise<ShardWorld> {
  return new ShardWorld(await loadBlake3(), options)
}

export interface MemoryHostOptions {
  /** Bytes. Default 1 GiB. */
  readonly offered?: number
  /** Wraps the stores, for faults. */
  readonly wrapShards?: (store: ShardStore) => ShardStore
  readonly wrapMeta?: (store: MetaStore) => MetaStore
}

/** One host: its disks outlive it, so that it can be killed and started again. */
export class MemoryHost {
  readonly key: KeyPair
  readonly shardDisk: MemoryShardDisk = memoryShardDisk()
  readonly metaDisk: MemoryMetaDisk = memoryMetaDisk()
  /** What it reported of its own faults. */
  readonly reports: AppError[] = []
  vault!: Vault
  network!: MemoryNetwork
  private readonly world: ShardWorld
  private readonly options: MemoryHostOptions
  private running = new AbortController()

  constructor(world: ShardWorld, key: KeyPair, options: MemoryHostOptions) {
    this.world = world
    this.key = key
    this.options = options
  }

  /** Starts it over what its disks hold, and announces it. */
  async start(): Promise<void> {
    const { world, options } = this
    const { clock, random, blake3, records } = world
    this.running = new AbortController()
    const shards = new MemoryShardStore(this.shardDisk)
    const meta = new MemoryMetaStore(this.metaDisk)
    const report = (error: AppError) => void this.reports.push(error)
    this.vault = await openVault({
      shards: options.wrapShards?.(shards) ?? shards,
      meta: options.wrapMeta?.(meta) ?? meta,
      clock,
      offered: options.offered ?? GIB,
      report,
    })
    const identity: Identity = { key: this.key.name, sign: (message) => Promise.resolve(ed25519.sign(this.key.seed, message)) }
    const advert = advertKeeper({ vault: this.vault, identity, clock, addresses: () => [`/memory/${this.key.name.slice(0, 8)}`], uptimeClass: () => 9 })
    this.network = world.hub.join(this.key.name)
    const { signal } = this.running
    const { verify } = ed25519
    await this.network.handle(SHARD_PROTOCOL, serveShards({ vault: this.vault, identity, records, blake3, clock, random, verify, advert, report }), signal)
    await this.network.announce(signal)
  }

  /** The process dies: its streams break; its disks stay. */
  kill(): void {
    this.world.hub.kill(this.key.name)
  }

  /** Kills it, if need be, and starts it again. */
  async restart(): Promise<void> {
    this.kill()
    await this.start()
  }
}
