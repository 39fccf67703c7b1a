// The search of FastCDC (Xia et al., "FastCDC: a fast and efficient content-defined chunking approach for data deduplication", USENIX ATC 2016), two
// bytes a round (Xia et al., "The design of fast content-defined chunking for data deduplication based storage systems", TPDS 2020).
// AssemblyScript, compiled by gear.ts.

const SEGMENT: u32 = 65536
const INPUT = memory.data(65536, 16)
/** A random word for each byte, and its double, for the first byte of two. */
const GEAR = memory.data(256 * 8, 16)
const DOUBLED = memory.data(256 * 8, 16)

let fingerprint: u64 = 0

/** Fills the tables with words of SplitMix64. */
export function draw(seed: u32): void {
  let state: u64 = seed
  for (let byte: u32 = 0; byte < 256; byte++) {
    state += 0x9e3779b97f4a7c15
    let word = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb
    word ^= word >> 31
    store<u64>(GEAR + (byte << 3), word)
    store<u64>(DOUBLED + (byte << 3), word << 1)
  }
}

export function input(): usize {
  return INPUT
}

export function segment(): u32 {
  return SEGMENT
}

export function restart(): void {
  fingerprint = 0
}

@inline
function word(table: usize, at: usize): u64 {
  return load<u64>(table + (<usize>load<u8>(at) << 3))
}

/** Appends the first `length` bytes of the input to the fingerprint, and stops where `bits` of its highest bits but one are zeros: how many it has appended, or 0. */
export function search(length: u32, bits: u32): u32 {
  const mask: u64 = (((<u64>1) << bits) - 1) << (63 - bits)
  const doubledMask = mask << 1
  let hash = fingerprint
  const even = INPUT + (length & ~1)
  for (let at = INPUT; at < even; at += 2) {
    hash = (hash << 2) + word(DOUBLED, at)
    if ((hash & doubledMask) == 0) return <u32>(at - INPUT) + 1
    hash += word(GEAR, at + 1)
    if ((hash & mask) == 0) return <u32>(at - INPUT) + 2
  }
  if (length & 1) {
    hash = (hash << 1) + word(GEAR, even)
    if ((hash & mask) == 0) return length
  }
  fingerprint = hash
  return 0
}
