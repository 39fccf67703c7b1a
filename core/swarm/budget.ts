/** So many bytes for all who share it: who cannot have them is told at once, and waits for nobody. */
export class Budget {
  private left: number

  /** `bytes`: how many there are in all. */
  constructor(bytes: number) {
    this.left = bytes
  }

  /** Takes `bytes`, unless there are not as many left. */
  tryTake(bytes: number): boolean {
    if (bytes > this.left) return false
    this.left -= bytes
    return true
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.left += bytes
  }
}
