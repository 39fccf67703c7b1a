import { toHex } from '../base/bytes.ts'
import { WINDOW, type ChunkerLimits, type KeyedHash } from './chunker.ts'

// The cuts of docs/formats/chunk.md 1 from their definition, each window divided anew: the oracle of the kernel's tests.

const POLYNOMIAL = 0x3da3358b4dc173n
const DEGREE = 53

/** The window as a polynomial over GF(2), modulo the polynomial, by long division. */
export function slowRabin(window: Uint8Array): bigint {
  let rest = BigInt(`0x0${toHex(window)}`)
  for (let bit = 8 * window.length - 1; bit >= DEGREE; bit--) {
    if ((rest >> BigInt(bit)) & 1n) rest ^= POLYNOMIAL << BigInt(bit - DEGREE)
  }
  return rest
}

/** The lengths of all chunks of a whole file. */
export function slowChunks(file: Uint8Array, cutKey: Uint8Array, limits: ChunkerLimits, prf: KeyedHash): number[] {
  const lengths: number[] = []
  const ones = (1n << BigInt(limits.proposalBits)) - 1n
  let start = 0
  for (let end = 1; end <= file.length; end++) {
    const length = end - start
    const window = file.subarray(Math.max(start, end - WINDOW), end)
    const proposed = length >= limits.min && (slowRabin(window) & ones) === ones
    const taken = proposed && BigInt(`0x${toHex(prf.keyed(cutKey, window).subarray(0, 8))}`) < 2n ** 64n / BigInt(limits.oneOf)
    if (taken || length === limits.max || end === file.length) {
      lengths.push(length)
      start = end
    }
  }
  return lengths
}
