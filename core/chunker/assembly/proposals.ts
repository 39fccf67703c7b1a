// What the builds share around the search: the input, the positions it proposes, and the windows that the PRF has refused.

export const WINDOW: u32 = 64

/**
 * Most positions in one call. A build may search a sixteenth of them side by side; 65 cache lines each and not 64, since runs that are 4 KiB apart
 * would compete for the same lines of the first-level cache.
 */
export const SEGMENT: u32 = 16 * 65 * 64

/** The window before the first position, and the bytes up to the last one. */
export const INPUT = memory.data(WINDOW + SEGMENT, 16)

/** One bit for each position of the input. */
const MARKS = memory.data((WINDOW + SEGMENT) / 8 + 8, 16)

/** An open-addressing hash set of windows. Its size bounds the memory: of windows that differ one in 768 is taken, so a chunk seldom has so many. */
const SLOT_BITS: u32 = 12
const SLOTS: u32 = 1 << SLOT_BITS
const FULL: u32 = 3072
/** For each slot the hash of its window, odd; 0 when it is empty. */
const HASHES = memory.data(SLOTS * 4, 16)
const WINDOWS = memory.data(SLOTS * WINDOW, 16)
/** Where in the input each of these windows was last; of an earlier input too, so it must be compared. */
const POSITIONS = memory.data(SLOTS * 4, 16)

let last: u32 = 0
let refused: u32 = 0

export function input(): usize {
  return INPUT
}

export function segment(): u32 {
  return SEGMENT
}

/** Unmarks all; positions from 64 on, `count` of them, can be marked. */
export function unmark(count: u32): void {
  last = WINDOW - 1 + count
  memory.fill(MARKS, 0, (last >> 3) + 8)
}

/** Marks a position as proposed, unless it is none of those asked for. */
export function mark(position: u32): void {
  if (position < WINDOW || position > last) return
  const word = MARKS + ((position >> 6) << 3)
  store<u64>(word, load<u64>(word) | ((<u64>1) << (position & 63)))
}

/** The first position, `from` or later, that is marked and whose window has not been refused; 0 if there is none. All those before it must have been refused. */
export function next(from: u32): u32 {
  for (let at = marked(from); at != 0; at = marked(at + 1)) {
    const window = INPUT + at - WINDOW
    const slot = slotOf(window, hash(window))
    if (load<u32>(HASHES + (slot << 2)) == 0) return at
    const before = load<u32>(POSITIONS + (slot << 2))
    store<u32>(POSITIONS + (slot << 2), at)
    if (before >= WINDOW && before < at && same(INPUT + before - WINDOW, window)) at = endOfRepeat(at, at - before)
  }
  return 0
}

/** The first marked position, `from` or later; 0 if there is none. */
function marked(from: u32): u32 {
  if (from > last) return 0
  let word = from >> 6
  let bits = load<u64>(MARKS + (word << 3)) & (~(<u64>0) << (from & 63))
  while (bits == 0) {
    if (++word > last >> 6) return 0
    bits = load<u64>(MARKS + (word << 3))
  }
  return (word << 6) + <u32>ctz(bits)
}

/** How far the window before `at` goes on as it did `period` bytes before: windows up to there are equal to windows that have been judged. */
function endOfRepeat(at: u32, period: u32): u32 {
  while (at + 8 <= last && load<u64>(INPUT + at) == load<u64>(INPUT + at - period)) at += 8
  return at
}

/** Remembers that the PRF refuses the window before a position: equal windows have equal verdicts. */
export function refuse(position: u32): void {
  if (refused == FULL) forget()
  refused++
  const window = INPUT + position - WINDOW
  const mixed = hash(window)
  const slot = slotOf(window, mixed)
  store<u32>(HASHES + (slot << 2), mixed)
  store<u32>(POSITIONS + (slot << 2), position)
  memory.copy(WINDOWS + slot * WINDOW, window, WINDOW)
}

/** Forgets all refusals, as the key has changed. */
export function forget(): void {
  refused = 0
  memory.fill(HASHES, 0, SLOTS * 4)
}

/** The slot that holds the window, or the empty one where it belongs. */
function slotOf(window: usize, mixed: u32): u32 {
  let slot = mixed >> (32 - SLOT_BITS)
  while (true) {
    const held = load<u32>(HASHES + (slot << 2))
    if (held == 0 || (held == mixed && same(WINDOWS + slot * WINDOW, window))) return slot
    slot = (slot + 1) % SLOTS
  }
}

/** Multilinear hashing of eight words by odd constants; the upper half of the sum is the mixed one. */
function hash(window: usize): u32 {
  let sum: u64 = 0
  let factor: u64 = 0x9e3779b97f4a7c15
  for (let at: u32 = 0; at < WINDOW; at += 8, factor += 0x6a09e667f3bcc908) sum += load<u64>(window + at) * factor
  return <u32>(sum >> 32) | 1
}

function same(a: usize, b: usize): boolean {
  let different: u64 = 0
  for (let at: u32 = 0; at < WINDOW; at += 8) different |= load<u64>(a + at) ^ load<u64>(b + at)
  return different == 0
}
