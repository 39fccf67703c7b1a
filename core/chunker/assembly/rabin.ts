// Rabin fingerprints (Rabin, "Fingerprinting by random polynomials", 1981) of windows of 64 bytes, modulo the polynomial of
// docs/formats/chunk.md 1: what the builds share of the arithmetic.

/** Irreducible over GF(2), of degree 53. */
const POLYNOMIAL: u64 = 0x3da3358b4dc173
export const DEGREE: u32 = 53

/** `value` · x^`power` modulo the polynomial; `value` is below 2^53. */
export function timesPowerOfX(value: u64, power: u32): u64 {
  for (let i: u32 = 0; i < power; i++) {
    value <<= 1
    if ((value >> DEGREE) & 1) value ^= POLYNOMIAL
  }
  return value
}
