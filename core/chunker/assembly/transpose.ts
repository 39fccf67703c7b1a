const HALFWAY = memory.data(256, 16)

/** Transposes 16 x 16 bytes: column i of `rows`, which are `stride` bytes apart, becomes row i of `out`, where they follow one another. */
export function transpose(rows: usize, stride: usize, out: usize): void {
  interleave(rows, stride, HALFWAY)
  interleave(HALFWAY, 16, out)
}

/**
 * Two of the four steps: each step turns rows i and i + 8 into rows 2i and 2i + 1, by taking bytes from both in turn. That rotates the 8 bits which say
 * where a byte is, row before column, by one.
 */
@inline
function interleave(rows: usize, stride: usize, out: usize): void {
  for (let i: u32 = 0; i < 4; i++, rows += stride, out += 64) {
    const a = v128.load(rows)
    const b = v128.load(rows + 4 * stride)
    const c = v128.load(rows + 8 * stride)
    const d = v128.load(rows + 12 * stride)
    const e = lowHalves(a, c)
    const f = lowHalves(b, d)
    const g = highHalves(a, c)
    const h = highHalves(b, d)
    v128.store(out, lowHalves(e, f))
    v128.store(out, highHalves(e, f), 16)
    v128.store(out, lowHalves(g, h), 32)
    v128.store(out, highHalves(g, h), 48)
  }
}

@inline
function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

@inline
function highHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}
