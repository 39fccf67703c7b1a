// The code of docs/formats/chunk.md 5 from its definition, one byte and one bit at a time: the oracle of the kernel's tests.

/** a · b over GF(2^8) modulo 0x11D, by shifting and adding. */
export function slowTimes(a: number, b: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit--) {
    product <<= 1
    if (product & 0x100) product ^= 0x11d
    if (b & (1 << bit)) product ^= a
  }
  return product
}

/** 1 / a, by trying all. There is none of 0: it gives 0. */
export function slowInverse(a: number): number {
  for (let candidate = 1; candidate < 256; candidate++) if (slowTimes(a, candidate) === 1) return candidate
  return 0
}

/** The parity rows k … n-1 of k data rows. */
export function slowEncode(data: readonly Uint8Array[], n: number): Uint8Array[] {
  const k = data.length
  const parity: Uint8Array[] = []
  for (let r = k; r < n; r++) {
    const row = new Uint8Array(data[0]?.length ?? 0)
    data.forEach((from, j) => {
      const factor = slowInverse(r ^ j)
      from.forEach((byte, i) => {
        row[i] = (row[i] ?? 0) ^ slowTimes(factor, byte)
      })
    })
    parity.push(row)
  }
  return parity
}
