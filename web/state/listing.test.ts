import { describe, expect, it } from 'vitest'
import { AppError } from '../../core/base/errors.ts'
import type { EntryRow, Listing, Query } from '../../workers/contract-drive.ts'
import { ListingView } from './listing.svelte.ts'

const TOP: Query = { kind: 'folder', folder: '', sort: 'name' }

/** A peer with a list of `total` entries, whose answers wait until they are let go. */
class SlowPeer {
  total: number
  readonly asked: [Query, number, number][] = []
  private waiting: (() => void)[] = []

  constructor(total: number) {
    this.total = total
  }

  async list(query: Query, from: number, count: number): Promise<Listing> {
    this.asked.push([query, from, count])
    await new Promise<void>((resolve) => this.waiting.push(resolve))
    if (query.kind === 'folder' && query.folder === 'gone') throw new AppError('absent', 'entry.absent', 'gone')
    const rows = this.all().slice(from, from + count).map((id) => ({ id }) as EntryRow)
    return { path: [], total: this.total, from, rows, whole: 0 }
  }

  ids(): Promise<readonly string[]> {
    return Promise.resolve(this.all())
  }

  async answer(): Promise<void> {
    while (this.waiting.length > 0) {
      this.waiting.splice(0).forEach((go) => {
        go()
      })
      await new Promise((resolve) => setTimeout(resolve))
    }
  }

  private all(): string[] {
    return Array.from({ length: this.total }, (_, i) => String(i))
  }
}

describe('a list of the drive', () => {
  it('asks once more, not twice, for changes that come while it asks', async () => {
    const peer = new SlowPeer(3)
    const view = new ListingView(peer)
    view.show(TOP)
    view.refresh()
    view.refresh()
    expect(peer.asked).toHaveLength(1)
    await peer.answer()
    expect(peer.asked).toHaveLength(2)
    expect(view.listing.total).toBe(3)
  })

  it('shows the folder that was opened last, whatever answer comes late', async () => {
    const peer = new SlowPeer(2)
    const view = new ListingView(peer)
    view.show({ ...TOP, folder: 'gone' })
    view.show(TOP)
    await peer.answer()
    expect(view.problem).toBeUndefined()
    expect(view.listing.total).toBe(2)
  })

  it('tells that a folder is gone', async () => {
    const peer = new SlowPeer(2)
    const view = new ListingView(peer)
    view.show({ ...TOP, folder: 'gone' })
    await peer.answer()
    expect(view.problem?.code).toBe('entry.absent')
  })

  it('asks for the part of a long list that is looked at, and for none that is there', async () => {
    const peer = new SlowPeer(1000)
    const view = new ListingView(peer)
    view.show(TOP)
    await peer.answer()
    view.want({ from: 20, to: 120 })
    expect(peer.asked).toHaveLength(1)
    view.want({ from: 500, to: 600 })
    await peer.answer()
    expect(peer.asked.at(-1)).toEqual([TOP, 500, 100])
    expect(view.row(500)?.id).toBe('500')
    expect(view.row(0)).toBeUndefined()
    expect(await view.ids(0, 2)).toEqual(['0', '1'])
  })

  it('has all of a list again that became short while its end was looked at', async () => {
    const peer = new SlowPeer(1000)
    const view = new ListingView(peer)
    view.show(TOP)
    await peer.answer()
    view.want({ from: 900, to: 1000 })
    await peer.answer()
    peer.total = 5
    view.refresh()
    await peer.answer()
    expect(view.listing.rows).toHaveLength(5)
  })
})
