import type { Bytes } from '../base/bytes.ts'
import { mergeUpdates } from './document.ts'

/** Updates that are merged into one: all that wait are few, and each is merged again only as often as its logarithm to this base. */
const TOGETHER = 64

/** Updates that wait to be stored. */
export class Unsaved {
  private levels: Bytes[][] = []

  add(update: Bytes, level = 0): void {
    const waiting = (this.levels[level] ??= [])
    waiting.push(update)
    if (waiting.length < TOGETHER) return
    this.levels[level] = []
    this.add(mergeUpdates(waiting), level + 1)
  }

  /** All of them as one update, `undefined` when there are none. */
  take(): Bytes | undefined {
    const all = this.levels.reverse().flat()
    this.levels = []
    return all.length > 1 ? mergeUpdates(all) : all[0]
  }
}
