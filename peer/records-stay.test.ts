import { MemoryDatastore } from 'datastore-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toHex, type Bytes } from '../core/base/bytes.ts'
import { isAppError } from '../core/base/errors.ts'
import { loadBlake3, type Blake3 } from '../core/merkle/blake3.ts'
import * as ed25519 from '../core/seal/ed25519.ts'
import { openShardClient } from '../core/swarm/client.ts'
import { runHost } from '../core/swarm/host.ts'
import { SHARD_PROTOCOL } from '../core/swarm/limits.ts'
import type { ShardClient, Tenant } from '../core/swarm/shard-client.ts'
import { openVault, type Vault } from '../core/swarm/vault.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../core/testkit/memory-meta-store.ts'
import { MemoryShardStore, memoryShardDisk } from '../core/testkit/memory-shard-store.ts'
import { startBrowserPeer } from './browser.ts'
import { startHostPeer, type HostPeer } from './host.ts'
import type { Peer } from './peer.ts'
import { signRecord } from './record-format.ts'
import { systemClock, systemRandom } from './system.ts'
import { log, startTestRelay, until, type TestRelay } from './test-world.ts'

const MONTH = 30 * 86_400_000
const NONE = new Uint8Array()
const common = { clock: systemClock, random: systemRandom, log }

/** A host whose disk with what it keeps for others outlives it; what it keeps for the DHT does not. */
class RealHost {
  peer!: HostPeer
  vault!: Vault
  private readonly seed = systemRandom.bytes(32)
  private readonly meta = memoryMetaDisk()
  private readonly shards = memoryShardDisk()
  private running = new AbortController()

  async start(relay: string, blake3: Blake3): Promise<void> {
    this.running = new AbortController()
    const report = () => undefined
    const stores = { shards: new MemoryShardStore(this.shards), meta: new MemoryMetaStore(this.meta) }
    this.vault = await openVault({ ...stores, clock: systemClock, offered: 2 ** 30, report })
    this.peer = await startHostPeer({ ...common, relays: [relay], seed: this.seed, datastore: new MemoryDatastore(), listen: '127.0.0.1', port: 0 })
    const { network, records, identity } = this.peer
    const parts = { vault: this.vault, network, records, identity, blake3, ...common, verify: ed25519.verify, addresses: () => this.peer.addresses(), uptimeClass: () => 9, report }
    await runHost(parts, this.running.signal)
  }

  async stop(): Promise<void> {
    this.running.abort()
    await this.peer.close()
  }
}

/** A name, and what its owner signs. */
function named() {
  const seed = systemRandom.bytes(32)
  const sign = (value: string, sequence: number) => signRecord(seed, { value, sequence: BigInt(sequence), expires: Date.now() + MONTH })
  return { name: ed25519.keyFromSeed(seed), sign }
}

describe('records when everything but the hosts’ disks is wiped', () => {
  let blake3: Blake3
  let relay: TestRelay
  const hosts: RealHost[] = []
  const browsers: Peer[] = []

  beforeEach(async () => {
    blake3 = await loadBlake3()
    relay = await startTestRelay()
  })
  afterEach(async () => {
    await leave()
    await Promise.all(hosts.splice(0).map((host) => host.stop()))
    await relay.stop()
  })

  async function leave(): Promise<void> {
    await Promise.all(browsers.splice(0).map((peer) => peer.network.close()))
  }

  async function run(count: number): Promise<void> {
    const fresh = Array.from({ length: count }, () => new RealHost())
    await Promise.all(fresh.map((host) => host.start(relay.url, blake3)))
    hosts.push(...fresh)
  }

  async function browser(): Promise<Peer> {
    const peer = await startBrowserPeer({ ...common, relays: [relay.url], seed: systemRandom.bytes(32) })
    browsers.push(peer)
    return peer
  }

  async function ask(peer: Peer, host: RealHost, tenant?: Tenant): Promise<ShardClient> {
    const hostKey = host.peer.identity.key
    const stream = await peer.network.open({ key: hostKey, addresses: host.peer.addresses() }, SHARD_PROTOCOL)
    const base = { hostKey, selfKey: peer.identity.key, clock: systemClock, blake3, signatures: ed25519 }
    return openShardClient(stream, tenant === undefined ? base : { ...base, tenant })
  }

  async function put(to: readonly RealHost[], name: Bytes, record: Bytes, bytes: Bytes): Promise<void> {
    const seed = systemRandom.bytes(32)
    const owner = await browser()
    for (const host of to) await (await ask(owner, host, { seed, key: ed25519.keyFromSeed(seed) })).putObject(name, record, bytes)
  }

  /** Stops all, forgets what relay and DHT knew, and starts the hosts over their disks. */
  async function wipe(): Promise<void> {
    await leave()
    await Promise.all(hosts.map((host) => host.stop()))
    await relay.stop()
    relay = await startTestRelay()
    await Promise.all(hosts.map((host) => host.start(relay.url, blake3)))
  }

  /** What somebody resolves who was never here, once it is `wanted`; the test's own time limit ends the wait. */
  async function finds(peer: Peer, name: Bytes, wanted: Bytes): Promise<void> {
    await until(async () => {
      try {
        return toHex(await peer.records.resolve(name)) === toHex(wanted)
      } catch (error) {
        if (isAppError(error, 'bug')) throw error
        return false
      }
    })
  }

  it('with objects, without, and tombstones are found by somebody who never met their owner', { timeout: 120_000 }, async () => {
    await run(3)
    const [file, locker, removed] = [named(), named(), named()]
    const object = systemRandom.bytes(3000)
    const records = [await file.sign(`/shoal/object/1/${toHex(blake3.hash(object))}`, 1), await locker.sign('/shoal/locker/1/AAECAw', 1), await removed.sign('/shoal/gone/1', 1)]
    await put(hosts, file.name, records[0]!, object)
    await put(hosts.slice(0, 1), locker.name, records[1]!, NONE)
    await put(hosts.slice(1, 2), removed.name, records[2]!, NONE)
    await wipe()
    const stranger = await browser()
    for (const [i, { name }] of [file, locker, removed].entries()) await finds(stranger, name, records[i]!)
    const reader = await ask(stranger, hosts[0]!)
    expect(await reader.getObject(file.name)).toEqual({ record: records[0], bytes: object })
    expect(await reader.getObject(locker.name)).toEqual({ record: records[1], bytes: NONE })
  })

  it('the tombstone that one host keeps is found, though five publish newer records of that name, and the newest though five are behind', { timeout: 120_000 }, async () => {
    await run(6)
    const [ended, moved] = [named(), named()]
    const [gone, live] = [await ended.sign('/shoal/gone/1', 1), await ended.sign('/shoal/locker/1/AA', 9)]
    const [newer, older] = [await moved.sign('/shoal/locker/1/AB', 2), await moved.sign('/shoal/locker/1/AA', 1)]
    await put(hosts.slice(0, 1), ended.name, gone, NONE)
    await put(hosts.slice(1), ended.name, live, NONE)
    await put(hosts.slice(0, 1), moved.name, newer, NONE)
    await put(hosts.slice(1), moved.name, older, NONE)
    await wipe()
    const stranger = await browser()
    await finds(stranger, ended.name, gone)
    await finds(stranger, moved.name, newer)
    // The next round, with the right ones at the relay and at all others: nobody takes anything else.
    const { records } = hosts[0]!.peer
    await until(async () => (await records.publish(ended.name, gone)) === hosts.length)
    await until(async () => (await records.publish(moved.name, newer)) === hosts.length)
    for (const host of hosts.slice(1)) {
      expect(await host.peer.records.publish(ended.name, live)).toBe(0)
      expect(await host.peer.records.publish(moved.name, older)).toBe(0)
    }
    const late = await browser()
    expect(await late.records.resolve(ended.name)).toEqual(gone)
    expect(await late.records.resolve(moved.name)).toEqual(newer)
  })
})
