import { createIPNSRecordWithExpiration, marshalIPNSRecord, unmarshalIPNSRecord } from 'ipns'
import { describe, expect, it } from 'vitest'
import { concat } from '../core/base/bytes.ts'
import { keyFromSeed } from '../core/seal/ed25519.ts'
import { privateKeyFromSeed } from './identity.ts'
import { routingKey, selectRecord, signRecord, validateRecord } from './record-format.ts'

const seed = new Uint8Array(32).fill(9)
const key = routingKey(keyFromSeed(seed))
const expires = Date.UTC(2100, 0, 1)
const sign = (value: string, sequence: bigint) => signRecord(seed, { value, sequence, expires })

describe('the form of a record', () => {
  it('is one: no other encoding of what was signed is taken, though its signature is right', async () => {
    const record = await sign('/x', 1n)
    await validateRecord(key, record)
    const parts = unmarshalIPNSRecord(record)
    const { publicKey } = await privateKeyFromSeed(seed)
    const named = marshalIPNSRecord({ ...parts, pubKey: publicKey.raw })
    const old = marshalIPNSRecord(await createIPNSRecordWithExpiration(await privateKeyFromSeed(seed), '/x', 1n, '2100-01-01T00:00:00.000000000Z', { v1Compatible: true }))
    // Field 15 of protobuf, which nobody knows, and so everybody skips.
    const padded = concat([record, Uint8Array.of(0x7a, 1, 0)])
    expect(unmarshalIPNSRecord(padded).value).toBe('/x')
    for (const other of [named, old, padded]) await expect(validateRecord(key, other)).rejects.toMatchObject({ kind: 'invalid', code: 'record.malformed' })
  })

  it('has a sequence of 64 bits', async () => {
    await validateRecord(key, await sign('/x', 2n ** 64n - 1n))
    await expect(sign('/x', -1n).then((record) => validateRecord(key, record))).rejects.toMatchObject({ code: 'record.malformed' })
  })
})

describe('of several records', () => {
  it('the tombstone is selected, else the highest sequence, and never what is no record', async () => {
    const [one, two, gone] = [await sign('/x', 1n), await sign('/x', 2n), await sign('/shoal/gone/1', 0n)]
    const junk = new Uint8Array(100)
    expect(selectRecord(key, [one, two])).toBe(1)
    expect(selectRecord(key, [junk, two, one, junk])).toBe(1)
    expect(selectRecord(key, [two, gone, one])).toBe(1)
    expect(selectRecord(key, [gone, two])).toBe(0)
    expect(selectRecord(key, [junk, junk])).toBe(0)
  })
})
