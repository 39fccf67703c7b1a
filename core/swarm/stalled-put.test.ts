import { describe, expect, test } from 'vitest'
import * as ed25519 from '../seal/ed25519.ts'
import { settle } from '../testkit/fake-clock.ts'
import { RawPeer } from '../testkit/raw-peer.ts'
import { keyPair, shardWorld, type MemoryHost, type ShardWorld } from '../testkit/shard-world.ts'
import { INBOUND_BYTES, MAX_DATA, MAX_INTERLEAVED, MAX_SHARD, PUT_STALL, SHARD_PROTOCOL, WATCH_STEP, WINDOW } from './limits.ts'
import { tenantProof } from './tenant-proof.ts'

const tenant = keyPair(700)
const root = new Uint8Array(32).fill(9)
const MINUTE = 60_000

async function raw(world: ShardWorld, host: MemoryHost): Promise<RawPeer> {
  const network = world.peer()
  const peer = new RawPeer(await network.open({ key: host.key.name, addresses: [] }, SHARD_PROTOCOL))
  const { nonce } = await peer.expect('hello')
  await peer.send({ type: 'hi', proof: { key: tenant.key, signature: ed25519.sign(tenant.seed, tenantProof(host.key.name, network.self, nonce)) } })
  return peer
}

async function begin(peer: RawPeer, id: number, size: number): Promise<void> {
  await peer.send({ type: 'put', id, root, size })
  await peer.send({ type: 'data', id, bytes: Uint8Array.of(1) })
}

async function free(host: MemoryHost): Promise<number> {
  await settle()
  return (await host.vault.usage()).free
}

describe('a put of which nothing more comes', () => {
  test('holds no room before its first data, and gives it back when it is refused, although other frames come', async () => {
    const world = await shardWorld()
    const host = await world.host()
    const peer = await raw(world, host)
    const before = await free(host)
    await peer.send({ type: 'put', id: 1, root, size: MAX_SHARD })
    expect(await free(host)).toBe(before)
    await begin(peer, 2, 1000)
    expect(await free(host)).toBe(before - 1000)
    for (let time = 0; time < PUT_STALL; time += MINUTE) {
      await peer.send({ type: 'has', id: 100, roots: [root] })
      await peer.expect('verdicts')
      await world.clock.advance(MINUTE)
    }
    await world.clock.advance(2 * WATCH_STEP)
    expect(await peer.expect('error')).toMatchObject({ id: 2, kind: 2, code: 'put.stalled' })
    expect(await peer.expect('error')).toMatchObject({ id: 1, kind: 2, code: 'put.stalled' })
    expect(await free(host)).toBe(before)
  })

  test('may wait for its turn while data of another comes, and is taken then', async () => {
    const world = await shardWorld()
    const host = await world.host()
    const peer = await raw(world, host)
    const [slow, late] = [world.shard(6), world.shard(5)]
    await peer.send({ type: 'put', id: 1, root: slow.root, size: 6 })
    await peer.send({ type: 'put', id: 2, root: late.root, size: 5 })
    for (const byte of slow.bytes) {
      await peer.send({ type: 'data', id: 1, bytes: Uint8Array.of(byte) })
      await world.clock.advance(MINUTE)
    }
    await peer.send({ type: 'data', id: 2, bytes: late.bytes })
    expect(await peer.next()).toEqual({ type: 'ack', id: 1 })
    expect(await peer.next()).toEqual({ type: 'ack', id: 2 })
  })

  test('is borne with while the host gives no credit for it', async () => {
    const world = await shardWorld()
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    const host = await world.host({
      wrapShards: (store) => {
        const put: typeof store.put = (...given) => gate.then(() => store.put(...given))
        return Object.assign(Object.create(store) as typeof store, { put })
      },
    })
    const peer = await raw(world, host)
    const count = Math.floor(WINDOW / MAX_DATA)
    for (let id = 1; id <= count; id++) {
      const { root: mine, bytes } = world.shard(MAX_DATA)
      await peer.send({ type: 'put', id, root: mine, size: MAX_DATA })
      await peer.send({ type: 'data', id, bytes })
    }
    const last = world.shard(MAX_DATA)
    await peer.send({ type: 'put', id: 99, root: last.root, size: MAX_DATA })
    await peer.send({ type: 'data', id: 99, bytes: last.bytes.slice(0, 1) })
    await world.clock.advance(2 * PUT_STALL)
    open()
    await settle()
    await peer.send({ type: 'data', id: 99, bytes: last.bytes.slice(1) })
    for (let id = 1; id <= count; id++) expect(await peer.expect('ack')).toMatchObject({ id })
    expect(await peer.expect('ack')).toMatchObject({ id: 99 })
  })
})

test('a host holds no more half-received shards than it has memory for, over all streams, and takes others once these have ended', async () => {
  const world = await shardWorld()
  const host = await world.host()
  const peers: RawPeer[] = []
  for (let begun = 0; begun < INBOUND_BYTES / MAX_SHARD; begun += MAX_INTERLEAVED) {
    const peer = await raw(world, host)
    for (let id = 1; id <= MAX_INTERLEAVED; id++) await begin(peer, id, MAX_SHARD)
    peers.push(peer)
  }
  await settle()
  const honest = await world.client(host)
  const { root: mine, bytes } = world.shard(100_000)
  await expect(honest.put(mine, bytes)).rejects.toMatchObject({ kind: 'transient', code: 'host.busy' })
  await expect(honest.put(mine, bytes)).rejects.toMatchObject({ kind: 'transient', code: 'host.busy' })
  await peers[0]?.send({ type: 'cancel', id: 1 })
  await settle()
  await honest.put(mine, bytes)
  for (const peer of peers) peer.stream.abort(new RangeError('gone'))
  await settle()
  const again = []
  for (let id = 1; id <= INBOUND_BYTES / MAX_SHARD / MAX_INTERLEAVED; id++) {
    const peer = await raw(world, host)
    for (let part = 1; part <= MAX_INTERLEAVED; part++) await begin(peer, part, MAX_SHARD)
    again.push(peer)
  }
  await settle()
  await expect(honest.put(mine, bytes)).rejects.toMatchObject({ code: 'host.busy' })
  const refused = again.map((peer) => peer.send({ type: 'has', id: 50, roots: [root] }).then(() => peer.next()))
  for (const answer of await Promise.all(refused)) expect(answer).toMatchObject({ type: 'verdicts', id: 50 })
})
