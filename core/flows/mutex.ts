/** Runs tasks one after another, in the order in which they were handed in. */
export class Mutex {
  private last: Promise<unknown> = Promise.resolve()

  run<T>(task: () => Promise<T>): Promise<T> {
    const mine = this.last.then(task, task)
    this.last = mine.catch(() => undefined)
    return mine
  }
}
