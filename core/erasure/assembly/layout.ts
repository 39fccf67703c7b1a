// What the builds share: where the caller puts rows and factors, and where it finds sums. Nothing is kept between calls but the tables.

/** Most input rows and most output rows. */
export const MAX_INPUTS: u32 = 32
export const MAX_OUTPUTS: u32 = 64

/** Bytes of each row in one call: 10 + 6 rows fill half a second-level cache of today, and a call's cost vanishes. */
export const STRIPE: u32 = 32768

/** From one row to the next: a cache line more than a power of two, so that rows do not fight for the same cache lines. */
export const PITCH: u32 = STRIPE + 64

export const INPUTS = memory.data(MAX_INPUTS * PITCH, 64)
export const OUTPUTS = memory.data(MAX_OUTPUTS * PITCH, 64)
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

export function outputs(): usize {
  return OUTPUTS
}

/** x · a over GF(2^8) modulo 0x11D. */
@inline
export function twice(a: u32): u32 {
  return (a << 1) ^ ((a >> 7) * 0x11d)
}
