import type { Bytes } from '../../base/bytes.ts'

/** Byte strings by name, the most recently used kept up to `limit` bytes in all. What is larger than the limit is not kept. */
export class ByteCache {
  private readonly entries = new Map<string, Bytes>()
  private held = 0
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  get(name: string): Bytes | undefined {
    const found = this.entries.get(name)
    if (found === undefined) return undefined
    this.entries.delete(name)
    this.entries.set(name, found)
    return found
  }

  put(name: string, bytes: Bytes): void {
    this.drop(name)
    if (bytes.length > this.limit) return
    this.entries.set(name, bytes)
    this.held += bytes.length
    for (const oldest of this.entries.keys()) {
      if (this.held <= this.limit) break
      this.drop(oldest)
    }
  }

  private drop(name: string): void {
    this.held -= this.entries.get(name)?.length ?? 0
    this.entries.delete(name)
  }
}
