/** GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1; x generates all of its 255 elements but zero. */
const MODULUS = 0x11d

/** Products and inverses in GF(2^8), by logarithms to base x. */
export class Galois {
  private readonly powers = new Uint8Array(2 * 255)
  private readonly logs = new Uint8Array(256)

  constructor() {
    for (let i = 0, value = 1; i < 255; i++) {
      this.powers[i] = value
      this.powers[i + 255] = value
      this.logs[value] = i
      value = value < 128 ? value << 1 : (value << 1) ^ MODULUS
    }
  }

  times(a: number, b: number): number {
    return a === 0 || b === 0 ? 0 : (this.powers[(this.logs[a] ?? 0) + (this.logs[b] ?? 0)] ?? 0)
  }

  /** 1 / a. There is none of 0: it gives 0. */
  inverse(a: number): number {
    return a === 0 ? 0 : (this.powers[255 - (this.logs[a] ?? 0)] ?? 0)
  }
}
