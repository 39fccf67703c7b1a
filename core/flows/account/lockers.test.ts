import { afterEach, describe, expect, test, vi } from 'vitest'
import { concat, type Bytes } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import type { Stretch } from '../../account/locker.ts'
import type { Locker } from '../../formats/locker.ts'
import { LEASE_SECONDS } from '../../formats/receipt.ts'
import { nobleBlake3 } from '../../testkit/noble-blake3.ts'
import { failureOf, storageWorld, type StorageWorld } from '../../testkit/storage-world.ts'
import { closeLocker, createLocker, findLocker, renewLocker, type Credentials, type LockersDeps } from './lockers.ts'

vi.setConfig({ testTimeout: 60_000 })

const worlds: StorageWorld[] = []
afterEach(() => {
  for (const made of worlds.splice(0)) made.close()
})

/** Quick, where Argon2id takes a second: what it costs has tests of its own. */
const quick: Stretch = ({ password, salt }) => Promise.resolve(nobleBlake3().hash(concat([salt, Uint8Array.of(0), password])))
const forever = new AbortController().signal
const anna: Credentials = { name: 'Anna', password: 'correct horse battery' }
const lockerOf = (master: Bytes): Locker => ({ master, created: 1_700_000_000_000, generation: 0 })

async function world(hosts: number) {
  const made = await storageWorld(0)
  worlds.push(made)
  const all = await made.hosts(hosts)
  /** A device that has met `count` hosts. */
  const device = async (count = hosts): Promise<LockersDeps> => {
    const { swarm } = await made.device().start()
    await made.until(() => swarm.hosts.connected().length >= count)
    return { ...swarm, stretch: quick }
  }
  return { made, all, device, master: made.shards.random.bytes(32) }
}

describe('a locker', () => {
  test('opens on any device for whoever types name and password, in whatever case the name', async () => {
    const { device, master } = await world(3)
    await createLocker(anna, lockerOf(master), await device(), forever)
    const found = await findLocker({ ...anna, name: ' aNNa ' }, await device(), forever)
    expect(found.locker).toEqual(lockerOf(master))
  })

  test('with a wrong name or password is proved not to be there; when nobody answers, nothing is proved', async () => {
    const { device, master, made, all } = await world(3)
    const deps = await device()
    await createLocker(anna, lockerOf(master), deps, forever)
    for (const wrong of [{ ...anna, password: 'Correct horse battery' }, { ...anna, name: 'anne' }]) {
      expect(await failureOf(findLocker(wrong, deps, forever))).toMatchObject({ kind: 'absent', code: 'account.unknown' })
    }
    for (const host of all) host.kill()
    made.shards.dht.servers = 0
    expect(await failureOf(findLocker(anna, deps, forever))).toMatchObject({ kind: 'transient', code: 'record.unreachable' })
  })

  test('is refused to a second person with the same name and password, and to the same one is given twice', async () => {
    const { device, master, made } = await world(3)
    const deps = await device()
    await createLocker(anna, lockerOf(master), deps, forever)
    await createLocker(anna, lockerOf(master), deps, forever)
    expect(await failureOf(createLocker(anna, lockerOf(made.shards.random.bytes(32)), deps, forever))).toMatchObject({ kind: 'denied', code: 'account.taken' })
    expect((await findLocker(anna, deps, forever)).locker.master).toEqual(master)
  })

  test('is not made while it cannot be known whether there is one, or when no host takes it', async () => {
    const { device, master, made, all } = await world(2)
    const deps = await device()
    made.shards.dht.servers = 0
    for (const host of all) host.kill()
    expect(await failureOf(createLocker(anna, lockerOf(master), deps, forever))).toMatchObject({ code: 'record.unreachable' })
    made.shards.dht.servers = 1
    expect(await failureOf(createLocker(anna, lockerOf(master), deps, forever))).toMatchObject({ code: 'hosts.none' })
  })

  test('once closed opens for nobody any more, also when hosts that had missed it come back, and is never made again', async () => {
    const { device, master, made, all } = await world(4)
    const deps = await device()
    const locker = await createLocker(anna, lockerOf(master), deps, forever)
    all[0]?.kill()
    await made.until(() => deps.hosts.connected().length === 3)
    await closeLocker(locker, deps, forever)
    await all[0]?.start()
    const other = await device()
    expect(await failureOf(findLocker(anna, other, forever))).toMatchObject({ kind: 'absent', code: 'account.closed' })
    expect(await failureOf(createLocker(anna, lockerOf(master), other, forever))).toMatchObject({ code: 'account.taken' })
    // Said again, it is no failure.
    await closeLocker(locker, other, forever)
  })

  test('once closed does not open at a host that missed it and answers first, before the DHT does', async () => {
    const { device, master, made, all } = await world(2)
    const deps = await device()
    const locker = await createLocker(anna, lockerOf(master), deps, forever)
    all[0]?.kill()
    await made.until(() => deps.hosts.connected().length === 1)
    await closeLocker(locker, deps, forever)
    all[1]?.kill()
    await all[0]?.start()
    const other = await device(1)
    const { records, clock } = other
    const slow: typeof records = {
      sign: (seed, view) => records.sign(seed, view),
      open: (name, record) => records.open(name, record),
      publish: (name, record, options) => records.publish(name, record, options),
      resolve: async (name, options) => {
        await clock.sleep(2000, options?.signal)
        return await records.resolve(name, options)
      },
    }
    expect(await failureOf(findLocker(anna, { ...other, records: slow }, forever))).toMatchObject({ code: 'account.closed' })
  })

  test('is not called closed while only the DHT knows, which forgets', async () => {
    const { device, master, all } = await world(2)
    const deps = await device()
    const locker = await createLocker(anna, lockerOf(master), deps, forever)
    for (const host of all) host.kill()
    await expect(closeLocker(locker, { ...deps, records: Object.assign(Object.create(deps.records) as typeof deps.records, { resolve: () => Promise.reject(new AppError('transient', 'record.unreachable', 'nobody')) }) }, forever)).rejects.toMatchObject({ kind: 'transient' })
  })

  test('is found when the DHT has forgotten everything, for hosts keep it; and lives a whole lease longer when it is renewed', async () => {
    const { device, master, made } = await world(3)
    const deps = await device()
    const locker = await createLocker(anna, lockerOf(master), deps, forever)
    made.shards.dht.held.clear()
    expect((await findLocker(anna, await device(), forever)).locker.master).toEqual(master)
    const renewed = await renewLocker(locker, deps, forever)
    expect(renewed.sequence).toBeGreaterThan(locker.sequence)
    const held = [...made.shards.dht.held.values()][0]!
    expect((await made.shards.records.open(locker.keys.recordName, held)).expires).toBeGreaterThanOrEqual(made.shards.clock.now() + LEASE_SECONDS * 1000 - 60_000)
  })
})
