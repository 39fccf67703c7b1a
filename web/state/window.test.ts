import { describe, expect, it } from 'vitest'
import { covers, DRAWN_WHOLE, windowOf } from './window.ts'

const VIEW = { above: 0, height: 800, row: 48 }

describe('the window of a list', () => {
  it('is all of a short list, wherever one looks', () => {
    expect(windowOf({ ...VIEW, above: 1e6 }, DRAWN_WHOLE)).toEqual({ from: 0, to: DRAWN_WHOLE })
    expect(windowOf(VIEW, 0)).toEqual({ from: 0, to: 0 })
  })

  it('holds what is visible and more on each side, and stays small however long the list is', () => {
    for (const above of [0, 480, 48_000, 4_000_000]) {
      const { from, to } = windowOf({ ...VIEW, above }, 100_000)
      const first = Math.floor(above / 48)
      expect(from).toBeLessThanOrEqual(Math.max(0, first - 15))
      expect(to).toBeGreaterThanOrEqual(first + 17 + 15)
      expect(to - from).toBeLessThanOrEqual(70)
    }
  })

  it('never leaves the list, at neither end', () => {
    expect(windowOf({ ...VIEW, above: -500 }, 1000).from).toBe(0)
    expect(windowOf({ ...VIEW, above: 48_000 }, 1000).to).toBe(1000)
    expect(windowOf({ ...VIEW, above: 1e9 }, 1000)).toEqual({ from: 1000, to: 1000 })
    expect(windowOf({ ...VIEW, above: -1e9 }, 1000)).toEqual({ from: 0, to: 0 })
  })

  it('is the same after a scroll by a row', () => {
    expect(windowOf({ ...VIEW, above: 48_000 }, 100_000)).toEqual(windowOf({ ...VIEW, above: 48_047 }, 100_000))
  })

  it('covers what lies in it', () => {
    expect(covers({ from: 0, to: 300 }, { from: 20, to: 300 })).toBe(true)
    expect(covers({ from: 0, to: 300 }, { from: 20, to: 301 })).toBe(false)
    expect(covers({ from: 20, to: 300 }, { from: 0, to: 30 })).toBe(false)
  })
})
