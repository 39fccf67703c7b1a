import { describe, expect, test } from 'vitest'
import { AppError } from '../base/errors.ts'
import { toHex } from '../base/bytes.ts'
import { openAdvert } from '../formats/advert.ts'
import * as ed25519 from '../seal/ed25519.ts'
import { FakeClock, settle } from '../testkit/fake-clock.ts'
import { keyPair, shardWorld } from '../testkit/shard-world.ts'
import { advertKeeper } from './advert-keeper.ts'
import { KeyedLocks } from './keyed-locks.ts'
import { REPUBLISH_FIRST, REPUBLISH_LANES, REPUBLISH_STEP } from './limits.ts'
import { keepRecords } from './record-keeper.ts'
import { TokenBucket } from './token-bucket.ts'

describe('the record keeper', () => {
  async function scene() {
    const world = await shardWorld()
    const host = await world.host()
    const client = await world.client(host)
    const put = async (number: number, life: number) => {
      const link = keyPair(number)
      const { bytes, root } = world.shard(100)
      const view = { value: `/shoal/object/1/${toHex(root)}`, sequence: 1n, expires: world.clock.now() + life }
      await client.putObject(link.key, await world.records.sign(link.seed, view), bytes)
      return link.name
    }
    return { world, host, put }
  }

  test('publishes what is held at once and every six hours, and stops when told', async () => {
    const { world, host, put } = await scene()
    const day = 86_400_000
    const [long, short] = [await put(1001, 30 * day), await put(1002, 1000)]
    const stop = new AbortController()
    await world.clock.advance(2000)
    const keeping = keepRecords({ objects: host.vault.objects, records: world.records, clock: world.clock, report: (error) => expect.unreachable(error.code) }, stop.signal)
    await settle()
    expect(world.dht.published.get(long)).toBe(1)
    expect(world.dht.published.get(short)).toBeUndefined()
    await world.clock.advance(REPUBLISH_STEP - 1)
    expect(world.dht.published.get(long)).toBe(1)
    await world.clock.advance(1)
    expect(world.dht.published.get(long)).toBe(2)
    stop.abort()
    await keeping
    await world.clock.advance(2 * REPUBLISH_STEP)
    expect(world.dht.published.get(long)).toBe(2)
  })

  test('tries again soon, and ever less so, while no server takes anything, and is back at six hours once one does', async () => {
    const { world, host, put } = await scene()
    const name = await put(1003, 30 * 86_400_000)
    world.dht.servers = 0
    const stop = new AbortController()
    const keeping = keepRecords({ objects: host.vault.objects, records: world.records, clock: world.clock, report: (error) => expect.unreachable(error.code) }, stop.signal)
    const after = async (ms: number) => {
      await world.clock.advance(ms)
      return world.dht.published.get(name)
    }
    await settle()
    expect([await after(REPUBLISH_FIRST - 1), await after(1)]).toEqual([1, 2])
    world.dht.servers = 1
    expect([await after(2 * REPUBLISH_FIRST - 1), await after(1)]).toEqual([2, 3])
    expect([await after(REPUBLISH_STEP - 1), await after(1)]).toEqual([3, 4])
    stop.abort()
    await keeping
  })

  test('publishes a few at a time, and reports failures without stopping', async () => {
    const clock = new FakeClock()
    const reports: string[] = []
    let now = 0
    let most = 0
    let count = 0
    const publish = async () => {
      most = Math.max(most, ++now)
      await settle(1)
      now--
      if (++count % 3 === 0) throw new AppError('transient', 'record.unreachable', 'nobody')
      return 1
    }
    async function* records() {
      for (let i = 0; i < 20; i++) yield { name: new Uint8Array(32), record: Uint8Array.of(i), expires: 4e9 }
    }
    const stop = new AbortController()
    const keeping = keepRecords({ objects: { records }, records: { publish }, clock, report: (error) => reports.push(error.code) }, stop.signal)
    while (clock.sleeping === 0) await settle()
    expect(most).toBe(REPUBLISH_LANES)
    expect(count).toBe(20)
    expect(reports).toEqual(new Array(6).fill('record.unreachable'))
    stop.abort()
    await keeping
  })
})

test('an advert is made again only when it says something new, or is an hour old', async () => {
  const world = await shardWorld()
  const host = await world.host()
  const addresses = ['/ip4/10.0.0.1/tcp/1/ws', `/dns4/${'x'.repeat(130)}/tcp/1`]
  let signatures = 0
  const sign = (message: Uint8Array) => {
    signatures++
    return Promise.resolve(ed25519.sign(host.key.seed, message))
  }
  const { clock } = world
  const make = advertKeeper({ vault: host.vault, identity: { key: host.key.name, sign }, clock, addresses: () => addresses, uptimeClass: () => 4 })
  const first = openAdvert(await make(), clock.now() / 1000, ed25519.verify)
  expect(first).toMatchObject({ host: host.key.key, freeClass: 10, uptimeClass: 4, addresses: [addresses[0]] })
  await make()
  expect(signatures).toBe(1)
  addresses.unshift('/ip4/10.0.0.2/tcp/1/ws')
  expect(openAdvert(await make(), clock.now() / 1000, ed25519.verify).addresses).toHaveLength(2)
  await clock.advance(3_600_000)
  await make()
  expect(signatures).toBe(3)
})

test('a bucket gives a burst, then so many per second, whatever the clock does', async () => {
  const clock = new FakeClock()
  const bucket = new TokenBucket(10, 3, clock)
  expect([1, 2, 3, 4].map(() => bucket.tryTake())).toEqual([true, true, true, false])
  let taken = false
  const taking = bucket.take().then(() => (taken = true))
  await clock.advance(99)
  expect(taken).toBe(false)
  await clock.advance(1)
  await taking
  clock.jump(0)
  expect(bucket.tryTake()).toBe(false)
  clock.jump(10_000_000)
  expect([1, 2, 3, 4].map(() => bucket.tryTake())).toEqual([true, true, true, false])
  const stop = new AbortController()
  const waiting = bucket.take(stop.signal)
  stop.abort()
  await expect(waiting).rejects.toMatchObject({ kind: 'aborted' })
})

test('tasks that share a name run one after another, others beside them, and a failed one frees its names', async () => {
  const locks = new KeyedLocks()
  const log: string[] = []
  const gates = new Map<string, () => void>()
  const task = (name: string) => async () => {
    log.push(`${name} begins`)
    await new Promise<void>((resolve) => gates.set(name, resolve))
    log.push(`${name} ends`)
    if (name === 'a') throw new AppError('bug', 'test', name)
  }
  const a = locks.hold(['x', 'y'], task('a')).catch(() => log.push('a failed'))
  const b = locks.hold(['y', 'z', 'y'], task('b'))
  const c = locks.hold(['w'], task('c'))
  await settle(1)
  expect(log).toEqual(['a begins', 'c begins'])
  gates.get('a')?.()
  await a
  await settle(1)
  expect(log).toEqual(['a begins', 'c begins', 'a ends', 'a failed', 'b begins'])
  gates.get('b')?.()
  gates.get('c')?.()
  await Promise.all([b, c])
})
