// Rabin fingerprints (Rabin, "Fingerprinting by random polynomials", 1981) of a rolling window of 64 bytes, modulo the
// polynomial of docs/formats/chunk.md 1. Nothing is kept between calls but the tables, which the start of the module fills.

/** Irreducible over GF(2), of degree 53. */
const POLYNOMIAL: u64 = 0x3da3358b4dc173
const DEGREE: u64 = 53
const WINDOW: u32 = 64

/** Positions tested in one call; the input also holds the window before the first of them. */
const SEGMENT: u32 = 65536

const INPUT = memory.data(WINDOW + SEGMENT, 16)
/** Of the 8 bits that leave at the top when a byte is appended: what they are modulo the polynomial, and themselves, to clear them. */
const REDUCED = memory.data(256 * 8, 16)
/** Of the byte that leaves the window: byte · x^(8 · 63) modulo the polynomial. */
const LEAVING = memory.data(256 * 8, 16)

export function input(): usize {
  return INPUT
}

/** Most positions in one call. */
export function segment(): u32 {
  return SEGMENT
}

/** `hash` · x modulo the polynomial. */
function timesX(hash: u64): u64 {
  hash <<= 1
  return (hash >> DEGREE) & 1 ? hash ^ POLYNOMIAL : hash
}

fillTables()

function fillTables(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    // The 8 bits above the degree are byte · x^53; a byte alone reduces to itself, so 53 single steps reduce them.
    let top = <u64>byte
    for (let i: u64 = 0; i < DEGREE; i++) top = timesX(top)
    store<u64>(REDUCED + (byte << 3), top ^ (<u64>byte << DEGREE))
    let leaving = <u64>byte
    for (let i: u32 = 0; i < 8 * (WINDOW - 1); i++) leaving = timesX(leaving)
    store<u64>(LEAVING + (byte << 3), leaving)
  }
}

@inline
function append(hash: u64, byte: u64): u64 {
  return ((hash << 8) | byte) ^ load<u64>(REDUCED + (<usize>(hash >> (DEGREE - 8)) << 3))
}

/**
 * The first position p, `from` <= p <= `to`, before which the 64 bytes of the input have a fingerprint with all `bits` low bits set; 0 if there is none.
 * 64 <= `from`; `to` < 64 + `segment()`.
 */
export function propose(from: u32, to: u32, bits: u32): u32 {
  const mask: u64 = (1 << <u64>bits) - 1
  let hash: u64 = 0
  for (let at = from - WINDOW; at < from; at++) hash = append(hash, load<u8>(INPUT + at))
  for (let at = from; at <= to; at++) {
    if ((hash & mask) == mask) return at
    hash ^= load<u64>(LEAVING + (<usize>load<u8>(INPUT + at - WINDOW) << 3))
    hash = append(hash, load<u8>(INPUT + at))
  }
  return 0
}
