import { hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex, type Bytes } from '../base/bytes.ts'
import { LABELS } from '../base/labels.ts'
import { arbitraryBytes } from '../testkit/codec-contract.ts'
import { nobleBlake3 } from '../testkit/noble-blake3.ts'
import { readVectors, revive } from '../testkit/vectors.ts'
import { accountKeys, deriveKeys, headKeys, LAST_DEVICE, linkKeys, secretFingerprint, tenantSeed, type HeadKeys } from './keys.ts'

const blake3 = nobleBlake3()
const derive = (ikm: Bytes, info: string, salt = new Uint8Array(32)): string =>
  Buffer.from(hkdfSync('sha256', ikm, salt, info, 32)).toString('hex')

interface KnownKeys {
  readonly master: Bytes
  readonly device: Record<string, Bytes>
  readonly host: Bytes
  readonly tenantSeed: Bytes
  readonly account: unknown
  readonly heads: readonly (HeadKeys & { readonly index: number })[]
  readonly linkSeed: Bytes
  readonly link: unknown
}

describe('keys', () => {
  it('are those that another implementation derived', async () => {
    const known = readVectors('formats', 'keys') as Record<string, string>
    const bytes = (name: string): Bytes => fromHex(known[name] ?? '')
    const keys = await deriveKeys(bytes('secret'))
    expect(keys).toEqual({ seal: bytes('seal'), dedup: bytes('dedup'), cut: bytes('cut'), tenantSecret: bytes('tenantSecret') })
    expect(await tenantSeed(keys.tenantSecret, bytes('host'))).toEqual(bytes('tenantSeed'))
    expect(secretFingerprint(bytes('secret'), blake3)).toEqual(bytes('fingerprint'))
    const link = await linkKeys(bytes('linkSeed'))
    expect(link).toEqual({ recordSeed: bytes('recordSeed'), recordName: bytes('recordName'), readKey: bytes('readKey') })
  })

  it('of an account, its devices and its links are those that another implementation derived', async () => {
    const known = revive(readVectors('account', 'keys')) as KnownKeys
    const device = await deriveKeys(known.master)
    expect(device).toEqual(known.device)
    expect(await tenantSeed(device.tenantSecret, known.host)).toEqual(known.tenantSeed)
    expect(await accountKeys(known.master)).toEqual(known.account)
    expect(known.heads.map((head) => head.index)).toEqual([0, 1, 258, LAST_DEVICE])
    for (const { index, ...head } of known.heads) expect(await headKeys(known.master, index)).toEqual(head)
    expect(await linkKeys(known.linkSeed)).toEqual(known.link)
  })

  it('stay what they were when a device secret becomes the master of an account', async () => {
    const before = readVectors('formats', 'keys') as Record<string, string>
    const now = revive(readVectors('account', 'keys')) as KnownKeys
    expect(toHex(now.master)).toBe(before.secret)
    expect(Object.fromEntries(Object.entries(now.device).map(([name, key]) => [name, toHex(key)]))).toEqual({
      seal: before.seal,
      dedup: before.dedup,
      cut: before.cut,
      tenantSecret: before.tenantSecret,
    })
  })

  it('are HKDF over the labels, whatever the secret', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryBytes(32), arbitraryBytes(32), async (secret, host) => {
        const keys = await deriveKeys(secret)
        expect(toHex(keys.seal)).toBe(derive(secret, LABELS.sealKey))
        expect(toHex(keys.dedup)).toBe(derive(secret, LABELS.dedupKey))
        expect(toHex(keys.cut)).toBe(derive(secret, LABELS.cutKey))
        expect(toHex(keys.tenantSecret)).toBe(derive(secret, LABELS.tenantSecret))
        expect(toHex(await tenantSeed(keys.tenantSecret, host))).toBe(derive(keys.tenantSecret, LABELS.tenantKey, host))
        const account = await accountKeys(secret)
        expect(toHex(account.signingSeed)).toBe(derive(secret, LABELS.accountKey))
        expect(toHex(account.drive)).toBe(derive(secret, LABELS.driveKey))
        expect(toHex(account.rendezvous)).toBe(derive(secret, LABELS.rendezvousKey))
        const link = await linkKeys(secret)
        expect(toHex(link.recordSeed)).toBe(derive(secret, LABELS.linkRecordKey))
        expect(toHex(link.readKey)).toBe(derive(secret, LABELS.linkReadKey))
      }),
      { numRuns: 15 },
    )
  })

  it('of a tenant differ from host to host', async () => {
    const { tenantSecret } = await deriveKeys(new Uint8Array(32))
    const seeds = await Promise.all([1, 2, 3].map((host) => tenantSeed(tenantSecret, new Uint8Array(32).fill(host))))
    expect(new Set(seeds.map(toHex)).size).toBe(3)
  })

  it('of one master are all different, and so are those of its devices', async () => {
    const master = new Uint8Array(32).fill(9)
    const heads = await Promise.all([0, 1, 256, 257, LAST_DEVICE].map((index) => headKeys(master, index)))
    const given: object[] = [await deriveKeys(master), await accountKeys(master), ...heads]
    const keys = given.flatMap((one) => Object.values(one) as Bytes[])
    expect(keys.length).toBe(4 + 4 + 15)
    expect(new Set([master, ...keys].map(toHex)).size).toBe(keys.length + 1)
  })

  it('are not derived for a device index that is none', async () => {
    for (const index of [-1, 0.5, LAST_DEVICE + 1, Number.NaN, Infinity]) {
      await expect(headKeys(new Uint8Array(32), index)).rejects.toMatchObject({ kind: 'invalid', code: 'device.index' })
    }
  })

  it('are not derived from a secret, seed or host key of another length', async () => {
    const short = new Uint8Array(31)
    const refusal = { kind: 'invalid', code: 'secret.length' }
    await expect(deriveKeys(short)).rejects.toMatchObject(refusal)
    await expect(accountKeys(short)).rejects.toMatchObject(refusal)
    await expect(headKeys(short, 0)).rejects.toMatchObject(refusal)
    await expect(linkKeys(short)).rejects.toMatchObject(refusal)
    await expect(tenantSeed(new Uint8Array(32), short)).rejects.toMatchObject(refusal)
    expect(() => secretFingerprint(short, blake3)).toThrow(expect.objectContaining(refusal))
  })
})
