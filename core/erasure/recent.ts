/** Values made once for each key, and kept while the key is among the `most` used last. */
export class Recent<T> {
  /** In the order of last use. */
  private readonly kept = new Map<string, T>()
  private readonly most: number

  constructor(most: number) {
    this.most = most
  }

  get size(): number {
    return this.kept.size
  }

  /** The value of `key`, from `make` when it is not kept. What `make` throws is not kept. */
  get(key: string, make: () => T): T {
    const value = this.kept.get(key) ?? make()
    this.kept.delete(key)
    this.kept.set(key, value)
    const [oldest] = this.kept.keys()
    if (this.kept.size > this.most && oldest !== undefined) this.kept.delete(oldest)
    return value
  }
}
