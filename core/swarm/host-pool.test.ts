import { describe, expect, test } from 'vitest'
import type { AppError } from '../base/errors.ts'
import * as ed25519 from '../seal/ed25519.ts'
import { settle } from '../testkit/fake-clock.ts'
import { keyPair, shardWorld, type MemoryHost, type ShardWorld } from '../testkit/shard-world.ts'
import { HostPool } from './host-pool.ts'
import { MAX_HOSTS, PROVEN_TIME, SHARD_PROTOCOL } from './limits.ts'

function hint(host: MemoryHost) {
  return { key: host.key.name, addresses: ['/memory/x'] }
}

async function scene() {
  const world = await shardWorld()
  const network = world.peer()
  let opened = 0
  let changes = 0
  const counting: typeof network = Object.assign(Object.create(network) as typeof network, {
    open: (...args: Parameters<typeof network.open>) => {
      opened++
      return network.open(...args)
    },
  })
  const { clock, random, blake3 } = world
  const tenantFor = () => Promise.resolve(keyPair(900))
  const pool = new HostPool({ network: counting, clock, random, blake3, signatures: ed25519, tenantFor, changed: () => changes++ })
  return { world, network, pool, opened: () => opened, changes: () => changes }
}

async function hosts(world: ShardWorld, count: number): Promise<MemoryHost[]> {
  const all: MemoryHost[] = []
  for (let i = 0; i < count; i++) all.push(await world.host())
  return all
}

function failure(work: Promise<unknown>): Promise<AppError> {
  return work.then(
    () => expect.unreachable('it resolved'),
    (error: unknown) => error as AppError,
  )
}

describe('a pool of hosts', () => {
  test('opens a host once for all who want it, as the tenant made for it', async () => {
    const { world, pool, opened, changes } = await scene()
    const host = await world.host()
    const [a, b] = await Promise.all([pool.get(hint(host)), pool.get(hint(host))])
    expect(a).toBe(b)
    expect(await pool.get(hint(host))).toBe(a)
    expect(opened()).toBe(1)
    const shard = world.shard(100)
    await a.put(shard.root, shard.bytes)
    expect(pool.connected()).toEqual([{ hint: hint(host), client: a }])
    expect(pool.connected()[0]?.client.advert.freeClass).toBe(10)
    expect(changes()).toBe(1)
  })

  test('never connects a peer that hosts to itself, whoever names it', async () => {
    const { world, pool, network, opened } = await scene()
    await network.handle(SHARD_PROTOCOL, () => Promise.resolve(), new AbortController().signal)
    expect(await failure(pool.get({ key: network.self, addresses: ['/memory/x'] }))).toMatchObject({ kind: 'transient', code: 'host.self' })
    expect(opened()).toBe(0)
    expect(pool.connected()).toEqual([])
    await expect(pool.get(hint(await world.host()))).resolves.toBeDefined()
  })

  test('opens it again after a loss, at once when it had lasted, after a rest when it had not', async () => {
    const { world, pool, network } = await scene()
    const host = await world.host()
    const first = await pool.get(hint(host))
    await world.clock.advance(PROVEN_TIME)
    world.hub.drop(network.self, host.key.name)
    await first.closed
    await settle()
    expect(pool.connected()).toEqual([])
    const second = await pool.get(hint(host))
    expect(second).not.toBe(first)
    world.hub.drop(network.self, host.key.name)
    await second.closed
    await settle()
    const resting = await failure(pool.get(hint(host)))
    expect(resting).toMatchObject({ kind: 'transient', code: 'host.resting', cause: { code: 'stream.lost' } })
    await world.clock.advance(Number(resting.data['retryIn']))
    await expect(pool.get(hint(host))).resolves.toBeDefined()
  })

  test('leaves a host that cannot be reached alone, longer each time, and says why', async () => {
    const { world, pool, opened } = await scene()
    const host = await world.host()
    world.hub.hide(host.key.name)
    const rests: number[] = []
    for (let i = 0; i < 8; i++) {
      expect(await failure(pool.get(hint(host)))).toMatchObject({ kind: 'transient', code: 'peer.unreachable' })
      const resting = await failure(pool.get(hint(host)))
      expect(resting).toMatchObject({ code: 'host.resting', cause: { code: 'peer.unreachable' } })
      rests.push(Number(resting.data['retryIn']))
      await world.clock.advance(Number(resting.data['retryIn']))
    }
    expect(opened()).toBe(8)
    expect(rests[0]).toBeLessThanOrEqual(1000)
    expect(rests[7]).toBeGreaterThanOrEqual(30_000)
    expect(rests[7]).toBeLessThanOrEqual(60_000)
    world.hub.show(host.key.name)
    await expect(pool.get(hint(host))).resolves.toBeDefined()
  })

  test('gives up an opening when the last of those who want it does, and does not blame the host', async () => {
    const { world, pool } = await scene()
    const host = await world.host()
    const [one, two] = [new AbortController(), new AbortController()]
    const waits = [failure(pool.get(hint(host), { signal: one.signal })), failure(pool.get(hint(host), { signal: two.signal }))]
    one.abort()
    two.abort()
    for (const wait of waits) expect(await wait).toMatchObject({ kind: 'aborted' })
    await settle()
    expect(pool.connected()).toEqual([])
    await expect(pool.get(hint(host))).resolves.toBeDefined()
  })

  test('opens anew for who comes right after the others gave up', async () => {
    const { world, pool, opened } = await scene()
    const host = await world.host()
    const stop = new AbortController()
    const given = failure(pool.get(hint(host), { signal: stop.signal }))
    stop.abort()
    expect(await given).toMatchObject({ kind: 'aborted' })
    const client = await pool.get(hint(host), { signal: new AbortController().signal })
    await settle()
    expect(pool.connected()).toEqual([{ hint: hint(host), client }])
    expect(opened()).toBeLessThanOrEqual(2)
  })

  test('goes on opening for the one who still waits', async () => {
    const { world, pool, opened } = await scene()
    const host = await world.host()
    const stop = new AbortController()
    const given = failure(pool.get(hint(host), { signal: stop.signal }))
    const kept = pool.get(hint(host), { signal: new AbortController().signal })
    stop.abort()
    expect(await given).toMatchObject({ kind: 'aborted' })
    expect((await kept).host).toBe(host.key.name)
    expect(opened()).toBe(1)
  })

  test('keeps to its number of streams by closing the one that was idle for longest', async () => {
    const { world, pool } = await scene()
    const all = await hosts(world, MAX_HOSTS + 1)
    const clients = []
    for (const host of all.slice(0, MAX_HOSTS)) clients.push(await pool.get(hint(host)))
    await pool.get(hint(all[0] as MemoryHost))
    await pool.get(hint(all[MAX_HOSTS] as MemoryHost))
    await settle()
    const connected = pool.connected().map(({ hint: { key } }) => key)
    expect(connected).toHaveLength(MAX_HOSTS)
    expect(connected).toContain(all[0]?.key.name)
    expect(connected).not.toContain(all[1]?.key.name)
    expect(await clients[1]?.closed).toBeUndefined()
  })

  test('closes all streams, and opens none afterwards', async () => {
    const { world, pool } = await scene()
    const [a, b] = await hosts(world, 2)
    const client = await pool.get(hint(a as MemoryHost))
    await pool.close()
    expect(await client.closed).toBeUndefined()
    expect(pool.connected()).toEqual([])
    await expect(pool.get(hint(b as MemoryHost))).rejects.toMatchObject({ kind: 'aborted', code: 'pool.closed' })
  })
})
