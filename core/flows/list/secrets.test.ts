import { describe, expect, it } from 'vitest'
import { utf8, type Bytes } from '../../base/bytes.ts'
import type { AppError } from '../../base/errors.ts'
import { encode } from '../../formats/codec.ts'
import { ownSecret, secretRecord } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import { secretFingerprint } from '../../account/keys.ts'
import { freshKeyWrap } from '../../testkit/key-wrap.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../../testkit/memory-meta-store.ts'
import { nobleBlake3 } from '../../testkit/noble-blake3.ts'
import { SeededRandom } from '../../testkit/seeded-random.ts'
import { Journal } from '../journal.ts'
import { Secrets } from './secrets.ts'

const random = new SeededRandom(11)
const blake3 = nobleBlake3()

async function device(disk = memoryMetaDisk()) {
  const keyWrap = await freshKeyWrap(random)
  const reports: AppError[] = []
  const start = async (): Promise<Secrets> => {
    const secrets = new Secrets({ journal: new Journal(new MemoryMetaStore(disk)), random, blake3, keyWrap, report: (error) => void reports.push(error) })
    await secrets.load()
    return secrets
  }
  return { disk, reports, start }
}

/** Whether `secret` lies open anywhere on the disk. */
function lies(secret: Bytes, disk: ReturnType<typeof memoryMetaDisk>): boolean {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  return [...disk.entries.values()].some((value) => hex(value).includes(hex(secret)))
}

describe('the secrets of a device', () => {
  it('are one at first, which stays the same and never lies open on the disk', async () => {
    const { start, disk } = await device()
    const secrets = await start()
    const secret = secrets.secretOf(secrets.own)!
    expect(secret).toHaveLength(32)
    expect(secrets.own).toEqual(secretFingerprint(secret, blake3))
    expect(secrets.ownKeys()).toBe(secrets.keysOf(secrets.own))
    expect(lies(secret, disk)).toBe(false)
    const again = await start()
    expect(again.secretOf(again.own)).toEqual(secret)
  })

  it('that lay open in an older list are wrapped when it is read', async () => {
    const { start, disk } = await device()
    const old = random.bytes(32)
    const fingerprint = secretFingerprint(old, blake3)
    disk.entries.set(listKey.secret(fingerprint), encode(secretRecord, old))
    disk.entries.set(listKey.ownSecret, encode(ownSecret, fingerprint))
    expect(lies(old, disk)).toBe(true)
    const secrets = await start()
    expect(secrets.secretOf(secrets.own)).toEqual(old)
    expect(lies(old, disk)).toBe(false)
    expect((await start()).own).toEqual(fingerprint)
  })

  it('go on to open what was stored under them, when new files use another', async () => {
    const { start } = await device()
    const secrets = await start()
    const before = secrets.own
    const account = random.bytes(32)
    await secrets.use(account)
    for (const one of [secrets, await start()]) {
      expect(one.secretOf(one.own)).toEqual(account)
      expect(one.isOwn(before)).toBe(false)
      expect(one.keysOf(before)).toBeDefined()
    }
  })

  it('do not open on another device, nor under another name: that is told, new files use a new one, and nothing is thrown away', async () => {
    const { start, disk, reports } = await device()
    const secrets = await start()
    const secret = secrets.secretOf(secrets.own)!
    const elsewhere = await device(disk)
    const there = await elsewhere.start()
    expect(elsewhere.reports.map(({ code }) => code)).toEqual(['secret.damaged'])
    expect(there.keysOf(secrets.own)).toBeUndefined()
    expect(there.isOwn(secrets.own)).toBe(false)
    expect((await start()).secretOf(secrets.own)).toEqual(secret)
    const value = disk.entries.get(listKey.secret(secrets.own))!
    disk.entries.set(listKey.secret(utf8('another!')), value)
    reports.length = 0
    expect((await start()).keysOf(utf8('another!'))).toBeUndefined()
    expect(reports.map(({ code }) => code)).toContain('secret.damaged')
  })
})
