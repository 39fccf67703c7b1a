import { describe, expect, it } from 'vitest'
import { concat, fromHex } from '../base/bytes.ts'
import { readVectors } from '../testkit/vectors.ts'
import { opener, sealer } from './aes-gcm.ts'

interface GcmCase {
  readonly key: string
  readonly iv: string
  readonly plaintext: string | null
  readonly ciphertext: string
  readonly tag: string
}

const { cases } = readVectors('seal', 'aes-256-gcm') as { cases: GcmCase[] }

describe('AES-256-GCM as NIST tests it', () => {
  it('seals to the ciphertext and tag of every honest vector', async () => {
    const honest = cases.filter((one) => one.plaintext !== null)
    expect(honest.length).toBe(20)
    for (const one of honest) {
      const seal = await sealer(fromHex(one.key))
      const box = await seal(fromHex(one.iv), fromHex(one.plaintext ?? ''))
      expect(box).toEqual(concat([fromHex(one.ciphertext), fromHex(one.tag)]))
    }
  })

  it('opens every honest vector and refuses every forged one', async () => {
    for (const one of cases) {
      const open = await opener(fromHex(one.key))
      const plaintext = await open(fromHex(one.iv), concat([fromHex(one.ciphertext), fromHex(one.tag)]))
      expect(plaintext).toEqual(one.plaintext === null ? undefined : fromHex(one.plaintext))
    }
  })

  it('binds additional data to what it seals: test case 16 of the GCM specification', async () => {
    const key = fromHex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308')
    const iv = fromHex('cafebabefacedbaddecaf888')
    const additional = fromHex('feedfacedeadbeeffeedfacedeadbeefabaddad2')
    const plaintext = fromHex('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39')
    const ciphertext = fromHex('522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662')
    const box = concat([ciphertext, fromHex('76fc6ece0f4e1768cddf8853bb2d551b')])
    expect(await (await sealer(key, additional))(iv, plaintext)).toEqual(box)
    expect(await (await opener(key, additional))(iv, box)).toEqual(plaintext)
    expect(await (await opener(key))(iv, box)).toBeUndefined()
    expect(await (await opener(key, additional.slice(1)))(iv, box)).toBeUndefined()
  })
})
