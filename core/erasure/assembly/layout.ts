// What the builds share: where a caller puts rows and factors, and where it finds sums.

/** Most input rows of one call. */
const MAX_INPUTS: u32 = 32
/** Most output rows of one call, of any build. */
const MAX_OUTPUTS: u32 = 8

/** Bytes of each input row in one call: 10 rows fill a small second-level cache, and the call itself costs nothing that can be measured. */
export const STRIPE: u32 = 16384

/** From one input row to the next: a cache line more than a power of two, so that rows do not fight for the same cache lines. */
export const PITCH: u32 = STRIPE + 64

export const INPUTS = memory.data(MAX_INPUTS * PITCH, 64)
/** Of output r and input j of k: the byte at r * k + j. */
export const FACTORS = memory.data(MAX_OUTPUTS * MAX_INPUTS, 16)

export function stripe(): u32 {
  return STRIPE
}

export function pitch(): u32 {
  return PITCH
}

export function inputs(): usize {
  return INPUTS
}

export function factors(): usize {
  return FACTORS
}

/** Where output rows may begin: the caller grows the memory by as much as they take. */
export function outputs(): usize {
  return __heap_base
}

/** x · a over GF(2^8) modulo 0x11D. */
@inline
export function twice(a: u32): u32 {
  return (a << 1) ^ ((a >> 7) * 0x11d)
}
