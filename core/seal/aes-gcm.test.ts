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
})
