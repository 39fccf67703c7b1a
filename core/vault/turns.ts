/** Runs tasks of one name one after another, and tasks of different names side by side. Holds nothing for a name that is idle. */
export class Turns {
  private readonly last = new Map<string, Promise<void>>()

  /** What `task` resolves or rejects with, once all earlier tasks of `name` have ended, however they ended. */
  async run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const before = this.last.get(name)
    const result = before === undefined ? task() : before.then(task)
    const ended = result.then(nothing, nothing)
    this.last.set(name, ended)
    try {
      return await result
    } finally {
      if (this.last.get(name) === ended) this.last.delete(name)
    }
  }

  /** Resolves when no task is running or waiting. */
  async idle(): Promise<void> {
    while (this.last.size > 0) await Promise.all(this.last.values())
  }
}

function nothing(): void {
  // How a task ended is its own caller's business.
}
