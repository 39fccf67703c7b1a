/** Mutual exclusion per name. A task may take several names at once: it waits for all, so no two tasks can wait for each other. */
export class KeyedLocks {
  private readonly tails = new Map<string, Promise<void>>()

  /** Runs `task` while all of `names` are held; first come, first served for each name. */
  async hold<T>(names: readonly string[], task: () => Promise<T>): Promise<T> {
    const before = names.map((name) => this.tails.get(name) ?? Promise.resolve())
    let free: () => void = () => undefined
    const mine = new Promise<void>((resolve) => (free = resolve))
    for (const name of names) this.tails.set(name, mine)
    try {
      await Promise.all(before)
      return await task()
    } finally {
      for (const name of names) if (this.tails.get(name) === mine) this.tails.delete(name)
      free()
    }
  }

  /** Resolves once nothing is held, nor waited for. */
  async idle(): Promise<void> {
    while (this.tails.size > 0) await Promise.all(this.tails.values())
  }
}
