import { hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex, type Bytes } from '../base/bytes.ts'
import { LABELS } from '../base/labels.ts'
import { arbitraryBytes } from '../testkit/codec-contract.ts'
import { nobleBlake3 } from '../testkit/noble-blake3.ts'
import { readVectors } from '../testkit/vectors.ts'
import { deriveKeys, linkKeys, secretFingerprint, tenantSeed } from './keys.ts'

const blake3 = nobleBlake3()
const derive = (ikm: Bytes, info: string, salt = new Uint8Array(32)): string =>
  Buffer.from(hkdfSync('sha256', ikm, salt, info, 32)).toString('hex')

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

  it('are HKDF over the labels, whatever the secret', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryBytes(32), arbitraryBytes(32), async (secret, host) => {
        const keys = await deriveKeys(secret)
        expect(toHex(keys.seal)).toBe(derive(secret, LABELS.sealKey))
        expect(toHex(keys.dedup)).toBe(derive(secret, LABELS.dedupKey))
        expect(toHex(keys.cut)).toBe(derive(secret, LABELS.cutKey))
        expect(toHex(keys.tenantSecret)).toBe(derive(secret, LABELS.tenantSecret))
        expect(toHex(await tenantSeed(keys.tenantSecret, host))).toBe(derive(keys.tenantSecret, LABELS.tenantKey, host))
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

  it('are not derived from a secret, seed or host key of another length', async () => {
    const short = new Uint8Array(31)
    const refusal = { kind: 'invalid', code: 'secret.length' }
    await expect(deriveKeys(short)).rejects.toMatchObject(refusal)
    await expect(linkKeys(short)).rejects.toMatchObject(refusal)
    await expect(tenantSeed(new Uint8Array(32), short)).rejects.toMatchObject(refusal)
    expect(() => secretFingerprint(short, blake3)).toThrow(expect.objectContaining(refusal))
  })
})
