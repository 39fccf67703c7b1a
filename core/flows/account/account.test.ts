import { afterEach, describe, expect, test, vi } from 'vitest'
import { concat, equal, toHex } from '../../base/bytes.ts'
import type { AppError } from '../../base/errors.ts'
import { lockerKeys, type Stretch } from '../../account/locker.ts'
import type { Strength } from '../../account/strength.ts'
import { accountRecord, CLOSING_LOCKERS, type AccountRecord } from '../../formats/account-record.ts'
import { decode, encode } from '../../formats/codec.ts'
import { listKey } from '../../formats/list-key.ts'
import { Faults, faultyMetaStore } from '../../testkit/faulty.ts'
import { freshKeyWrap } from '../../testkit/key-wrap.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../../testkit/memory-meta-store.ts'
import { nobleBlake3 } from '../../testkit/noble-blake3.ts'
import { failureOf, storageWorld, type StorageWorld } from '../../testkit/storage-world.ts'
import { Journal } from '../journal.ts'
import { Secrets } from '../list/secrets.ts'
import { AccountKeeper } from './account.ts'

vi.setConfig({ testTimeout: 60_000 })

const worlds: StorageWorld[] = []
const runs: AbortController[] = []
afterEach(() => {
  for (const run of runs.splice(0)) run.abort()
  for (const made of worlds.splice(0)) made.close()
})

/** Quick, where Argon2id takes a second: what it costs has tests of its own. */
const quick: Stretch = ({ password, salt }) => Promise.resolve(nobleBlake3().hash(concat([salt, Uint8Array.of(0), password])))
/** What is long is strong. */
const strength = (password: string): Promise<Strength> => {
  const accepted = password.length >= 10
  const reason = accepted ? undefined : ({ code: 'too-short', text: 'Too short.' } as const)
  return Promise.resolve({ score: accepted ? 4 : 1, accepted, reason, advice: [] })
}
const forever = new AbortController().signal
const DAY = 86_400_000
const FIRST = 'correct horse battery'
const SECOND = 'staple gun of tomorrow'
const THIRD = 'a third one, to be safe'

async function world(count: number) {
  const made = await storageWorld(0)
  worlds.push(made)
  const { shards } = made
  const { random, blake3 } = shards
  const hosts = await made.hosts(count)
  /** A device with its own disk, which has met all hosts. */
  const device = async () => {
    const { swarm } = await made.device().start()
    await made.until(() => swarm.hosts.connected().length === count, 'all hosts')
    const disk = memoryMetaDisk()
    const keyWrap = await freshKeyWrap(random)
    const asked: string[] = []
    const records = Object.assign(Object.create(swarm.records) as typeof swarm.records, {
      resolve: (...given: Parameters<typeof swarm.records.resolve>) => {
        asked.push(toHex(given[0]))
        return swarm.records.resolve(...given)
      },
    })
    const news = { changed: (): void => undefined }
    const reports: AppError[] = []
    const boot = async (faults = new Faults(), wrap = keyWrap): Promise<AccountKeeper> => {
      const journal = new Journal(faultyMetaStore(new MemoryMetaStore(disk), faults))
      const secrets = new Secrets({ journal, random, blake3, keyWrap: wrap })
      await secrets.load()
      const report = (error: AppError): void => void reports.push(error)
      const keeper = new AccountKeeper({ ...swarm, records, stretch: quick, journal, keyWrap: wrap, secrets, strength, changed: () => news.changed(), report })
      await keeper.load()
      return keeper
    }
    const kept = (): AccountRecord | undefined => {
      const value = disk.entries.get(listKey.account)
      return value && decode(accountRecord, value)
    }
    return { boot, disk, kept, asked, news, reports, swarm, keeper: await boot() }
  }
  const away = (): void => {
    for (const host of hosts) host.kill()
    shards.dht.servers = 0
  }
  const back = async (): Promise<void> => {
    shards.dht.servers = 1
    for (const host of hosts) await host.start()
  }
  const pass = (ms: number): void => {
    shards.clock.jump(shards.clock.now() + ms)
  }
  return { made, shards, hosts, device, away, back, pass }
}

/** Runs until the test ends. */
function running(keeper: AccountKeeper): void {
  const run = new AbortController()
  runs.push(run)
  void keeper.run(run.signal)
}

const stop = (): void => {
  for (const run of runs.splice(0)) run.abort()
}

const anna = (password = FIRST) => ({ name: 'Anna', password })

describe('an account', () => {
  test('is made of the secret that the device has, and opens on another one by name and password', async () => {
    const { device } = await world(3)
    const laptop = await device()
    const before = laptop.keeper.master
    expect(laptop.keeper.record).toBeUndefined()
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    expect(laptop.keeper.record).toEqual({ name: 'Anna', device: 'laptop' })
    expect(laptop.keeper.master).toEqual(before)

    const phone = await device()
    const found = await phone.keeper.find(anna(), forever)
    expect(phone.keeper.record).toBeUndefined()
    expect(phone.keeper.master).not.toEqual(before)
    await phone.keeper.take(found, 'phone')
    for (const keeper of [phone.keeper, await phone.boot()]) {
      expect(keeper.master).toEqual(before)
      expect(keeper.record).toEqual({ name: 'Anna', device: 'phone' })
    }
    expect((await laptop.boot()).record).toEqual({ name: 'Anna', device: 'laptop' })
  })

  test('opens by its 24 words and by its recovery kit, and has no name then', async () => {
    const { device, shards } = await world(1)
    const laptop = await device()
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    const words = laptop.keeper.words()
    expect(words.length).toBe(24)
    const kit = laptop.keeper.kit('https://shoal.example/', shards.clock.now())
    expect(kit).toMatch(/^Name: anna$/m)
    expect(kit).toMatch(/^Made: 202[56]-\d\d-\d\d$/m)
    const phone = await device()
    for (const phrase of [words.join(' '), kit]) expect(await phone.keeper.find({ phrase }, forever)).toEqual({ master: laptop.keeper.master })
    expect(await failureOf(phone.keeper.find({ phrase: 'one two three' }, forever))).toMatchObject({ kind: 'invalid', code: 'phrase.count' })
    await phone.keeper.take({ master: laptop.keeper.master }, 'phone')
    expect(phone.keeper.record).toEqual({ name: undefined, device: 'phone' })
  })

  test('is not made with a weak password, by a taken name and password, or when there is one; nor taken then', async () => {
    const { device } = await world(1)
    const laptop = await device()
    expect(await failureOf(laptop.keeper.create('Anna', 'short', 'laptop', forever))).toMatchObject({ kind: 'invalid', code: 'password.weak', data: { score: 1, reason: 'too-short' } })
    expect(await failureOf(laptop.keeper.create('', FIRST, 'laptop', forever))).toMatchObject({ kind: 'invalid', code: 'name.empty' })
    expect(await failureOf(laptop.keeper.create('Anna', FIRST, 'x'.repeat(65), forever))).toMatchObject({ kind: 'invalid', code: 'device.long' })
    expect(laptop.asked).toEqual([])
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    const other = await device()
    expect(await failureOf(other.keeper.create('ANNA', FIRST, 'phone', forever))).toMatchObject({ kind: 'denied', code: 'account.taken' })
    expect(other.keeper.record).toBeUndefined()
    const signedIn = { kind: 'denied', code: 'account.signed-in' }
    expect(await failureOf(laptop.keeper.create('Bea', FIRST, 'laptop', forever))).toMatchObject(signedIn)
    expect(await failureOf(laptop.keeper.take({ master: other.keeper.master }, 'laptop'))).toMatchObject(signedIn)
    expect(laptop.keeper.record).toEqual({ name: 'Anna', device: 'laptop' })
  })

  test('is made by doing the same again when the device died, or its disk failed, before it knew', async () => {
    const { device } = await world(2)
    const laptop = await device()
    const faults = new Faults()
    const first = await laptop.boot(faults)
    faults.fail(1)
    expect(await failureOf(first.create('Anna', FIRST, 'laptop', forever))).toMatchObject({ code: 'test.fault' })
    expect(first.record).toBeUndefined()
    const second = await laptop.boot()
    expect(second.record).toBeUndefined()
    await second.create('Anna', FIRST, 'laptop', forever)
    expect((await (await device()).keeper.find(anna(), forever)).master).toEqual(second.master)
  })

  test('is taken whole or not yet: a device that died in between has the master, and signs in again', async () => {
    const { device } = await world(1)
    const laptop = await device()
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    for (let at = 1; ; at++) {
      const phone = await device()
      const faults = new Faults()
      const keeper = await phone.boot(faults)
      const found = await keeper.find(anna(), forever)
      faults.crashAfter(at)
      const failed = await keeper.take(found, 'phone').then(() => false, () => true)
      const again = await phone.boot()
      if (again.record !== undefined) expect(again.master).toEqual(laptop.keeper.master)
      else await again.take(found, 'phone')
      expect((await phone.boot()).record).toEqual({ name: 'Anna', device: 'phone' })
      if (!failed) break
      expect(at).toBeLessThan(5)
    }
  })

  test('leaves no key of its locker open on the disk, and is none where the keys of the device are lost', async () => {
    const { device, shards } = await world(1)
    const laptop = await device()
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    const { recordSeed, recordName, wrappingKey } = await lockerKeys('Anna', FIRST, quick)
    const disk = [...laptop.disk.entries.values()].map(toHex).join()
    expect(laptop.kept()?.locker?.wrapped.length).toBeGreaterThan(64)
    for (const secret of [recordSeed, recordName, wrappingKey, laptop.keeper.master]) expect(disk.includes(toHex(secret))).toBe(false)
    const elsewhere = await laptop.boot(new Faults(), await freshKeyWrap(shards.random))
    expect(elsewhere.record).toBeUndefined()
    expect(elsewhere.master).not.toEqual(laptop.keeper.master)
  })
})

describe('a change of password', () => {
  const unknown = { kind: 'absent', code: 'account.unknown' }
  const taken = { kind: 'denied', code: 'account.taken' }

  test('makes the new one work and the old one fail, everywhere', async () => {
    const { device } = await world(3)
    const laptop = await device()
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    const created = laptop.kept()?.locker?.created
    await laptop.keeper.changePassword(FIRST, SECOND, undefined, forever)
    expect(laptop.kept()).toMatchObject({ name: 'Anna', locker: { created, generation: 0 }, closing: [] })
    const phone = await device()
    const found = await phone.keeper.find(anna(SECOND), forever)
    expect(found.master).toEqual(laptop.keeper.master)
    expect(found.locker?.locker.created).toBe(created)
    expect(await failureOf(phone.keeper.find(anna(FIRST), forever))).toMatchObject({ kind: 'absent', code: 'account.closed' })
    await laptop.keeper.changePassword(SECOND, THIRD, undefined, forever)
    await phone.keeper.find(anna(THIRD), forever)
  })

  test('asks nobody about a wrong current password, and refuses weak, used and unchanged ones', async () => {
    const { device } = await world(2)
    const laptop = await device()
    expect(await failureOf(laptop.keeper.changePassword(FIRST, SECOND, undefined, forever))).toMatchObject(unknown)
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    laptop.asked.length = 0
    expect(await failureOf(laptop.keeper.changePassword('no such password', SECOND, undefined, forever))).toMatchObject(unknown)
    expect(laptop.asked).toEqual([])
    expect(await failureOf(laptop.keeper.changePassword(FIRST, 'short', undefined, forever))).toMatchObject({ kind: 'invalid', code: 'password.weak' })
    expect(await failureOf(laptop.keeper.changePassword(FIRST, FIRST, undefined, forever))).toMatchObject(taken)
    await laptop.keeper.changePassword(FIRST, SECOND, undefined, forever)
    expect(await failureOf(laptop.keeper.changePassword(SECOND, FIRST, undefined, forever))).toMatchObject(taken)
    await laptop.keeper.find(anna(SECOND), forever)
  })

  test('is not done when nobody can be asked, nor while too many old lockers wait to be closed', async () => {
    const { device, away } = await world(1)
    const laptop = await device()
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    const before = laptop.kept()!
    const waiting = Array.from({ length: CLOSING_LOCKERS }, (_, i) => ({ wrapped: Uint8Array.of(i), sequence: 1 }))
    laptop.disk.entries.set(listKey.account, encode(accountRecord, { ...before, closing: waiting }))
    expect(await failureOf((await laptop.boot()).changePassword(FIRST, SECOND, undefined, forever))).toMatchObject({ kind: 'transient', code: 'hosts.none' })
    laptop.disk.entries.set(listKey.account, encode(accountRecord, before))
    away()
    expect(await failureOf(laptop.keeper.changePassword(FIRST, SECOND, undefined, forever))).toMatchObject({ kind: 'transient', code: 'record.unreachable' })
    expect(laptop.kept()).toEqual(before)
  })

  test('whose old locker no host could be told of is done, and closed when hosts come back, also after a restart', async () => {
    const { device, made, away, back } = await world(2)
    const laptop = await device()
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    laptop.news.changed = away
    await laptop.keeper.changePassword(FIRST, SECOND, undefined, forever)
    laptop.news.changed = () => undefined
    expect(laptop.kept()?.closing.length).toBe(1)
    const again = await laptop.boot()
    running(again)
    await back()
    await made.until(() => laptop.swarm.hosts.connected().length === 2, 'hosts')
    // What is being closed holds this very master, and must not be taken up again.
    expect(await failureOf(again.changePassword(SECOND, FIRST, undefined, forever))).toMatchObject(taken)
    await made.until(() => laptop.kept()?.closing.length === 0, 'the old locker to be closed')
    const phone = await device()
    expect(await failureOf(phone.keeper.find(anna(FIRST), forever))).toMatchObject({ code: 'account.closed' })
    await phone.keeper.find(anna(SECOND), forever)
    expect(laptop.reports).toEqual([])
  })

  test.each(['fail', 'crashAfter'] as const)('that broke off at any step (%s) is done by doing the same again, or was done; no password opens something else', async (how) => {
    const { device, made } = await world(2)
    for (let at = 1; ; at++) {
      const laptop = await device()
      const name = `Anna ${String(at)}`
      const faults = new Faults()
      const keeper = await laptop.boot(faults)
      await keeper.create(name, FIRST, 'laptop', forever)
      faults[how](at)
      const failed = await keeper.changePassword(FIRST, SECOND, undefined, forever).then(() => false, () => true)
      const again = await laptop.boot()
      if (failed) await again.changePassword(FIRST, SECOND, undefined, forever).catch((error: unknown) => expect(error).toMatchObject(unknown))
      running(again)
      const found = await again.find({ name, password: SECOND }, forever)
      expect(found.master).toEqual(keeper.master)
      await made.until(() => laptop.kept()?.closing.length === 0, 'the old locker to be closed')
      expect(await failureOf(again.find({ name, password: FIRST }, forever))).toMatchObject({ code: 'account.closed' })
      stop()
      if (!failed) break
      expect(at).toBeLessThan(8)
    }
  })

  test('takes the name where only the phrase is known, and the current password proves that it is the one', async () => {
    const { device } = await world(2)
    const laptop = await device()
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    const stranger = await device()
    await stranger.keeper.create('Bea', FIRST, 'hers', forever)
    const phone = await device()
    await phone.keeper.take({ master: laptop.keeper.master }, 'phone')
    expect(await failureOf(phone.keeper.changePassword(FIRST, SECOND, undefined, forever))).toMatchObject({ kind: 'invalid', code: 'name.empty' })
    expect(await failureOf(phone.keeper.changePassword(THIRD, SECOND, 'Anna', forever))).toMatchObject(unknown)
    expect(await failureOf(phone.keeper.changePassword(FIRST, SECOND, 'Bea', forever))).toMatchObject(unknown)
    await phone.keeper.changePassword(FIRST, SECOND, 'Anna', forever)
    expect(phone.keeper.record).toEqual({ name: 'Anna', device: 'phone' })
    expect((await stranger.keeper.find(anna(SECOND), forever)).master).toEqual(laptop.keeper.master)
    expect(await failureOf(stranger.keeper.find(anna(FIRST), forever))).toMatchObject({ code: 'account.closed' })
  })

  test('on another device is noticed: the old password changes nothing any more, the new one does', async () => {
    const { device } = await world(2)
    const laptop = await device()
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    const phone = await device()
    await phone.keeper.take(await phone.keeper.find(anna(), forever), 'phone')
    await phone.keeper.changePassword(FIRST, SECOND, undefined, forever)
    expect(await failureOf(laptop.keeper.changePassword(FIRST, THIRD, undefined, forever))).toMatchObject({ kind: 'absent', code: 'account.closed' })
    expect(laptop.kept()).toMatchObject({ name: 'Anna', locker: undefined })
    expect(await failureOf(laptop.keeper.find(anna(THIRD), forever))).toMatchObject(unknown)
    await laptop.keeper.changePassword(SECOND, THIRD, undefined, forever)
    await phone.keeper.find(anna(THIRD), forever)
  })
})

describe('the locker of an account', () => {
  test('is renewed after a week, so that it is found when a first lease is long over; without that it is lost', async () => {
    const { device, made, pass, shards } = await world(2)
    const [laptop, idle] = [await device(), await device()]
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    await idle.keeper.create('Idle', FIRST, 'idle', forever)
    const first = laptop.kept()?.locker
    running(laptop.keeper)
    pass(6 * DAY)
    expect(laptop.kept()?.locker).toEqual(first)
    pass(2 * DAY)
    await made.until(() => laptop.kept()?.locker?.sequence === 2, 'the renewal')
    stop()
    pass(175 * DAY)
    shards.dht.held.clear()
    const phone = await device()
    expect((await phone.keeper.find(anna(), forever)).master).toEqual(laptop.keeper.master)
    expect(await failureOf(phone.keeper.find({ name: 'Idle', password: FIRST }, forever))).toMatchObject({ kind: 'absent' })
    expect(laptop.reports).toEqual([])
  })

  test('is renewed again after a time without hosts, and not beside another device that was first', async () => {
    const { device, made, pass, away, back } = await world(2)
    const [laptop, phone] = [await device(), await device()]
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    await phone.keeper.take(await phone.keeper.find(anna(), forever), 'phone')
    away()
    pass(8 * DAY)
    await made.until(() => laptop.swarm.hosts.connected().length === 0, 'hosts to leave')
    running(laptop.keeper)
    await back()
    await made.until(() => laptop.kept()?.locker?.sequence === 2, 'the renewal')
    running(phone.keeper)
    await made.until(() => phone.kept()?.locker?.sequence === 2, 'the phone to notice')
    expect(Math.abs((phone.kept()?.locker?.renewed ?? 0) - (laptop.kept()?.locker?.renewed ?? 0))).toBeLessThan(60_000)
  })

  test('that another device closed is forgotten when it is to be renewed, and the name is kept', async () => {
    const { device, made, pass } = await world(2)
    const [laptop, phone] = [await device(), await device()]
    await laptop.keeper.create('Anna', FIRST, 'laptop', forever)
    await phone.keeper.take(await phone.keeper.find(anna(), forever), 'phone')
    await phone.keeper.changePassword(FIRST, SECOND, undefined, forever)
    pass(8 * DAY)
    running(laptop.keeper)
    await made.until(() => laptop.kept()?.locker === undefined, 'the laptop to notice')
    expect(laptop.keeper.record).toEqual({ name: 'Anna', device: 'laptop' })
    await laptop.keeper.changePassword(SECOND, THIRD, undefined, forever)
    expect(equal((await phone.keeper.find(anna(THIRD), forever)).master, laptop.keeper.master)).toBe(true)
  })
})

