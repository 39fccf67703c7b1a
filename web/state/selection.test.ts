import { describe, expect, it } from 'vitest'
import { Selection } from './selection.svelte.ts'

const IDS = ['a', 'b', 'c', 'd', 'e']

const made = (): Selection => new Selection((from, to) => IDS.slice(from, to))
const go = (selection: Selection, row: number, way: Parameters<Selection['go']>[2]): Promise<void> => selection.go(row, IDS[row] ?? '', way)
const chosen = (selection: Selection): string => [...selection.ids].join('')

describe('the selection of a list', () => {
  it('is one entry after a click, and another after the next', async () => {
    const selection = made()
    await go(selection, 1, 'only')
    await go(selection, 3, 'only')
    expect(chosen(selection)).toBe('d')
    expect(selection.row).toBe(3)
  })

  it('takes one more, or one away, with Ctrl', async () => {
    const selection = made()
    await go(selection, 1, 'only')
    await go(selection, 3, 'toggle')
    expect(chosen(selection)).toBe('bd')
    await go(selection, 1, 'toggle')
    expect(chosen(selection)).toBe('d')
  })

  it('spans from where it began with Shift, in both directions', async () => {
    const selection = made()
    await go(selection, 2, 'only')
    await go(selection, 4, 'range')
    expect(chosen(selection)).toBe('cde')
    await go(selection, 0, 'range')
    expect(chosen(selection)).toBe('abc')
  })

  it('stays when only the keyboard moves, which a range then begins from', async () => {
    const selection = made()
    await go(selection, 0, 'only')
    await go(selection, 2, 'keep')
    expect(chosen(selection)).toBe('a')
    await go(selection, 3, 'range')
    expect(chosen(selection)).toBe('cd')
  })

  it('is not overtaken by a range that was asked for earlier', async () => {
    const slow = Promise.withResolvers<readonly string[]>()
    const selection = new Selection(() => slow.promise)
    const range = go(selection, 4, 'range')
    await go(selection, 1, 'only')
    slow.resolve(IDS)
    await range
    expect(chosen(selection)).toBe('b')
  })

  it('loses what is gone from the list, and its row stays in it', async () => {
    const selection = made()
    await selection.all(5)
    await go(selection, 4, 'keep')
    selection.prune(2, ['b', 'd'])
    expect(chosen(selection)).toBe('bd')
    expect(selection.row).toBe(1)
    selection.prune(0)
    expect(chosen(selection)).toBe('')
    expect(selection.row).toBe(0)
  })
})
