import { toPlainError, type PlainError } from '../../core/base/errors.ts'
import type { PeerContract } from '../../workers/contract.ts'
import type { EntryRow, Listing, Query } from '../../workers/contract-drive.ts'
import { covers, DRAWN_WHOLE, type Range } from './window.ts'

const EMPTY: Listing = { path: [], total: 0, from: 0, rows: [], whole: 0 }

/** A list of the drive as far as it is looked at; asked for again whenever it may have changed. One question at a time. */
export class ListingView {
  listing = $state.raw<Listing>(EMPTY)
  /** Whether `listing` answers the query: until then it is empty. */
  ready = $state(false)
  problem = $state.raw<PlainError | undefined>(undefined)
  /** The query that `listing` answers, or will. */
  query = $state.raw<Query | undefined>(undefined)

  private readonly peer: Pick<PeerContract, 'list' | 'ids'>
  private wanted: Range = { from: 0, to: DRAWN_WHOLE }
  private asking = false
  private stale = false

  constructor(peer: Pick<PeerContract, 'list' | 'ids'>) {
    this.peer = peer
  }

  /** Shows another list, from its beginning. */
  show(query: Query): void {
    this.query = query
    this.wanted = { from: 0, to: DRAWN_WHOLE }
    this.refresh()
  }

  /** Empties the list until the next answer: for a folder that is left. */
  empty(): void {
    this.listing = EMPTY
    this.ready = false
    this.problem = undefined
  }

  /** Sees to it that these rows are there. A short list has them all. */
  want(range: Range): void {
    const { from, rows, total } = this.listing
    if (total <= DRAWN_WHOLE) return
    this.wanted = range
    if (!covers({ from, to: from + rows.length }, { from: range.from, to: Math.min(range.to, total) })) this.refresh()
  }

  /** Asks again: something changed. */
  refresh(): void {
    this.stale = true
    if (!this.asking) void this.ask()
  }

  /** The entry of a row, where it is there. */
  row(index: number): EntryRow | undefined {
    return this.listing.rows[index - this.listing.from]
  }

  /** Ids of rows, in order; asked of the peer where they are not all here. */
  ids(from: number, to: number): readonly string[] | Promise<readonly string[]> {
    const { listing, query } = this
    if (query === undefined) return []
    if (covers({ from: listing.from, to: listing.from + listing.rows.length }, { from, to })) {
      return listing.rows.slice(from - listing.from, to - listing.from).map(({ id }) => id)
    }
    return this.peer.ids(query).then((ids) => ids.slice(from, to))
  }

  private async ask(): Promise<void> {
    this.asking = true
    while (this.stale) {
      this.stale = false
      const { query, wanted } = this
      if (query === undefined) break
      try {
        const listing = await this.peer.list(query, wanted.from, Math.max(1, wanted.to - wanted.from))
        if (query === this.query) this.take(listing)
      } catch (error) {
        if (query === this.query) this.fail(toPlainError(error))
      }
    }
    this.asking = false
  }

  private take(listing: Listing): void {
    this.listing = listing
    this.ready = true
    this.problem = undefined
    // A long list became a short one, which is drawn whole.
    const whole = listing.rows.length === listing.total
    if (listing.total > DRAWN_WHOLE || whole || this.wanted.from === 0 && this.wanted.to >= listing.total) return
    this.wanted = { from: 0, to: DRAWN_WHOLE }
    this.stale = true
  }

  private fail(problem: PlainError): void {
    this.listing = EMPTY
    this.ready = true
    this.problem = problem
  }
}
