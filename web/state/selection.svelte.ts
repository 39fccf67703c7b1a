import { setOf } from './sets.ts'

/** How a click or a move of the keyboard changes what is selected. */
export type Way = 'only' | 'toggle' | 'range' | 'keep'

/** What a selection asks of its list: the ids of rows, in order. */
export type IdsOf = (from: number, to: number) => readonly string[] | Promise<readonly string[]>

const NOTHING = setOf([])

/** Which entries of a list are selected, and the row that has the keyboard. */
export class Selection {
  ids = $state.raw(NOTHING)
  /** Row of the keyboard, from 0. */
  row = $state(0)
  /** Row from which a range goes. */
  private anchor = 0
  private readonly idsOf: IdsOf
  /** Counts changes: a slow answer about a range must not undo a newer one. */
  private turn = 0

  constructor(idsOf: IdsOf) {
    this.idsOf = idsOf
  }

  has(id: string): boolean {
    return this.ids.has(id)
  }

  /** Goes to `row`, whose entry is `id`, and selects in the given way. */
  async go(row: number, id: string, way: Way): Promise<void> {
    const turn = ++this.turn
    this.row = row
    if (way === 'range') {
      const [from, to] = [Math.min(this.anchor, row), Math.max(this.anchor, row)]
      const ids = await this.idsOf(from, to + 1)
      if (turn === this.turn) this.ids = setOf(ids)
      return
    }
    this.anchor = row
    if (way === 'only') this.ids = setOf([id])
    else if (way === 'toggle') this.ids = this.ids.has(id) ? without(this.ids, id) : setOf([...this.ids, id])
  }

  /** Selects all of a list with `total` entries. */
  async all(total: number): Promise<void> {
    const turn = ++this.turn
    const ids = await this.idsOf(0, total)
    if (turn === this.turn) this.ids = setOf(ids)
  }

  clear(): void {
    this.turn++
    this.ids = NOTHING
  }

  /** Another list: nothing is selected, and the keyboard is at its first row. */
  reset(): void {
    this.clear()
    this.row = 0
    this.anchor = 0
  }

  /** What of the selection is still in the list, now of `total` entries; `ids` are all of the list where they are known. */
  prune(total: number, ids?: readonly string[]): void {
    this.row = Math.max(0, Math.min(this.row, total - 1))
    this.anchor = Math.max(0, Math.min(this.anchor, total - 1))
    if (total === 0) this.clear()
    if (ids === undefined || this.ids.size === 0) return
    const there = setOf(ids)
    const kept = [...this.ids].filter((id) => there.has(id))
    if (kept.length < this.ids.size) this.ids = setOf(kept)
  }
}

function without(ids: ReadonlySet<string>, gone: string): ReadonlySet<string> {
  return setOf([...ids].filter((id) => id !== gone))
}
