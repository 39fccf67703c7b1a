import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, toHex, utf8, type Bytes } from '../base/bytes.ts'
import { isAppError } from '../base/errors.ts'
import { LABELS } from '../base/labels.ts'
import { encode } from '../formats/codec.ts'
import { LOCKER_NONCE, locker, SEALED_LOCKER, type Locker } from '../formats/locker.ts'
import { formatRecordValue, parseRecordValue } from '../formats/record-value.ts'
import { sealer } from '../seal/aes-gcm.ts'
import { arbitraryBytes } from '../testkit/codec-contract.ts'
import { readVectors, revive } from '../testkit/vectors.ts'
import { LOCKER_COSTS, lockerKeys, openLocker, wrapMaster, type LockerKeys, type Stretch, type StretchCost } from './locker.ts'
import { stretch } from './stretch.ts'

interface Known extends LockerKeys {
  readonly name: string
  readonly password: string
  readonly cost: StretchCost
  readonly salt: Bytes
  readonly stretched: Bytes
  readonly value: Locker
  readonly nonce: Bytes
  readonly path: string
}

const known = revive(readVectors('account', 'lockers')) as { full: Known; cheap: Known }

/** The real one at a price that tests can pay. */
const cheap: Stretch = ({ password, salt }) => stretch({ password, salt, cost: known.cheap.cost })

const value: Locker = { master: new Uint8Array(32).fill(1), created: 1_790_000_000_000, generation: 0 }
const nonce = new Uint8Array(LOCKER_NONCE).fill(2)

async function sealedOf(path: string): Promise<Bytes> {
  const found = parseRecordValue(path)
  if (found.kind !== 'locker') throw new Error('not a locker')
  return found.sealed
}

/** All the way from what was typed to the path in the record. */
async function expectKnown(one: Known, stretchWith: Stretch): Promise<void> {
  const asked: Parameters<Stretch>[0][] = []
  const keys = await lockerKeys(one.name, one.password, async (input) => {
    asked.push(input)
    const stretched = await stretchWith(input)
    expect(stretched).toEqual(one.stretched)
    return stretched
  })
  expect(asked.map(({ salt, cost }) => ({ salt, cost }))).toEqual([{ salt: one.salt, cost: LOCKER_COSTS[1] }])
  expect(keys).toEqual({ recordSeed: one.recordSeed, recordName: one.recordName, wrappingKey: one.wrappingKey })
  const sealed = await wrapMaster(one.value, keys, one.nonce)
  expect(formatRecordValue({ kind: 'locker', sealed })).toBe(one.path)
  expect(await openLocker(await sealedOf(one.path), keys)).toEqual(one.value)
}

describe('the locker of a name and password', () => {
  it('is the one that another implementation makes at full cost', async () => {
    expect(known.full.cost).toEqual(LOCKER_COSTS[1])
    await expectKnown(known.full, stretch)
  })

  it('is the one that another implementation makes of other characters', async () => {
    await expectKnown(known.cheap, cheap)
  })

  it('has the same keys however both are typed, and others for any other name or password', async () => {
    const keysOf = async (name: string, password: string): Promise<string> => toHex((await lockerKeys(name, password, cheap)).recordName)
    const keys = await keysOf('Ada', 'é b')
    expect(await keysOf(' ＡＤＡ', 'e\u0301\u00a0b')).toBe(keys)
    const others = await Promise.all([keysOf('ada', 'É b'), keysOf('ada', 'é b '), keysOf('adab', 'é '), keysOf('ad', 'é b')])
    expect(new Set([keys, ...others]).size).toBe(5)
  })

  it('is not looked for when name or password is none', async () => {
    const never: Stretch = () => expect.fail('stretched all the same')
    await expect(lockerKeys(' ', 'right', never)).rejects.toMatchObject({ kind: 'invalid', code: 'name.empty' })
    await expect(lockerKeys('ada', '', never)).rejects.toMatchObject({ kind: 'invalid', code: 'password.empty' })
    await expect(lockerKeys('ada', 'a\nb', never)).rejects.toMatchObject({ kind: 'invalid', code: 'password.characters' })
  })

  it('that cannot have its memory says so', async () => {
    const cost = { memory: 2 ** 31, passes: 1, lanes: 1 }
    const asked = stretch({ password: utf8('a'), salt: utf8('sixteen bytes at'), cost })
    await expect(asked).rejects.toMatchObject({ kind: 'transient', code: 'memory.short' })
  })
})

describe('a sealed locker', () => {
  it('gives back what was put in, and has one size', async () => {
    const keys = await lockerKeys('ada', 'right', cheap)
    await fc.assert(
      fc.asyncProperty(arbitraryBytes(32), arbitraryBytes(LOCKER_NONCE), fc.maxSafeNat(), fc.maxSafeNat(), async (master, random, created, generation) => {
        const sealed = await wrapMaster({ master, created, generation }, keys, random)
        expect(sealed.length).toBe(SEALED_LOCKER)
        expect(await openLocker(sealed, keys)).toEqual({ master, created, generation })
      }),
      { numRuns: 50 },
    )
  })

  it('with any bit changed, or cut, or longer, is damaged', async () => {
    const keys = await lockerKeys('ada', 'right', cheap)
    const sealed = await wrapMaster(value, keys, nonce)
    const bad = [new Uint8Array(), sealed.slice(1), sealed.slice(0, -1), concat([sealed, Uint8Array.of(0)])]
    for (let at = 0; at < sealed.length; at++) bad.push(sealed.map((byte, i) => (i === at ? byte ^ (1 << (at & 7)) : byte)))
    for (const one of bad) await expect(openLocker(one, keys)).rejects.toMatchObject({ kind: 'corrupt', code: 'locker.damaged' })
  })

  it('does not open with other keys, nor in another record', async () => {
    const keys = await lockerKeys('ada', 'right', cheap)
    const other = await lockerKeys('ada', 'wrong', cheap)
    const sealed = await wrapMaster(value, keys, nonce)
    const damaged = { kind: 'corrupt', code: 'locker.damaged' }
    await expect(openLocker(sealed, other)).rejects.toMatchObject(damaged)
    await expect(openLocker(sealed, { ...keys, recordName: other.recordName })).rejects.toMatchObject(damaged)
    await expect(openLocker(sealed, { ...keys, wrappingKey: other.wrappingKey })).rejects.toMatchObject(damaged)
  })

  it('of a later version is said to be one, and one that holds something else is refused', async () => {
    const keys = await lockerKeys('ada', 'right', cheap)
    const seal = await sealer(keys.wrappingKey, concat([keys.recordName, utf8(LABELS.sealedLocker)]))
    const payload = encode(locker, value)
    const wrapped = async (changed: Bytes): Promise<Bytes> => concat([nonce, await seal(nonce, changed)])
    const later = payload.map((byte, at) => (at === 0 ? 2 : byte))
    await expect(openLocker(await wrapped(later), keys)).rejects.toMatchObject({ kind: 'invalid', code: 'format.version' })
    const padded = payload.map((byte, at) => (at === 127 ? 1 : byte))
    await expect(openLocker(await wrapped(padded), keys)).rejects.toMatchObject({ kind: 'invalid', code: 'format.trailing' })
  })

  it('is what any bytes are not: they are refused with a reason', async () => {
    const keys = await lockerKeys('ada', 'right', cheap)
    const bytes = fc.oneof(arbitraryBytes(SEALED_LOCKER), fc.uint8Array({ maxLength: 400 }).map((one) => new Uint8Array(one)))
    await fc.assert(
      fc.asyncProperty(bytes, async (any) => {
        const error = await openLocker(any, keys).catch((thrown: unknown) => thrown)
        expect(isAppError(error, 'corrupt') && error.code).toBe('locker.damaged')
      }),
    )
  })

  it('is not made with a nonce of another length, or of a master of another', async () => {
    const keys = await lockerKeys('ada', 'right', cheap)
    const bug = { kind: 'bug', code: 'format.unencodable' }
    await expect(wrapMaster(value, keys, new Uint8Array(11))).rejects.toMatchObject(bug)
    await expect(wrapMaster({ ...value, master: new Uint8Array(31) }, keys, nonce)).rejects.toMatchObject(bug)
  })
})
