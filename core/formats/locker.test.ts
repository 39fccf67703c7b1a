import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryBytes, codecContract, formatOf } from '../testkit/codec-contract.ts'
import { readVectors, revive } from '../testkit/vectors.ts'
import { decode, encode } from './codec.ts'
import { locker, type Locker } from './locker.ts'

interface Known {
  readonly value: Locker
  readonly payload: Uint8Array
}

const lockers: fc.Arbitrary<Locker> = fc.record({ master: arbitraryBytes(32), created: fc.maxSafeNat(), generation: fc.maxSafeNat() })

codecContract('a locker', formatOf(locker), lockers)

describe('a locker', () => {
  it('is encoded as another implementation encodes it', () => {
    const { full } = revive(readVectors('account', 'lockers')) as { full: Known }
    expect(encode(locker, full.value)).toEqual(full.payload)
    expect(decode(locker, full.payload)).toEqual(full.value)
  })

  it('has 128 bytes, whatever it holds', () => {
    const most = Number.MAX_SAFE_INTEGER
    for (const value of [0, 1, 127, 128, most]) {
      expect(encode(locker, { master: new Uint8Array(32), created: value, generation: most - value }).length).toBe(128)
    }
  })

  it('of a later version, or with anything behind its fields, is refused', () => {
    const bytes = encode(locker, { master: new Uint8Array(32), created: 5, generation: 6 })
    const refusal = (at: number, value: number): unknown => {
      const changed = Uint8Array.from(bytes)
      changed[at] = value
      try {
        return decode(locker, changed)
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(refusal(0, 2)).toBe('format.version')
    expect(refusal(35, 1)).toBe('format.trailing')
    expect(refusal(127, 1)).toBe('format.trailing')
    expect(refusal(34, 7)).toEqual({ master: new Uint8Array(32), created: 5, generation: 7 })
  })
})
