import { describe, expect, it } from 'vitest'
import { keyAction, type KeyAction, type Place } from './keys.ts'

const PLACE: Place = { row: 5, total: 100, page: 10, typed: '' }

function press(key: string, place: Partial<Place> = {}): KeyAction | undefined {
  const parts = key.split('+')
  const has = (name: string): boolean => parts.slice(0, -1).includes(name)
  const pressed = { key: parts.at(-1) ?? '', ctrlKey: has('Ctrl'), shiftKey: has('Shift'), altKey: has('Alt'), metaKey: has('Meta') }
  return keyAction(pressed, { ...PLACE, ...place })
}

describe('the keyboard in a list', () => {
  it.each([
    ['ArrowDown', 6],
    ['ArrowUp', 4],
    ['PageDown', 15],
    ['PageUp', 0],
    ['Home', 0],
    ['End', 99],
  ])('%s goes from row 5 to row %i and selects it', (key, row) => {
    expect(press(key)).toEqual({ kind: 'go', row, way: 'only' })
    expect(press(`Shift+${key}`)).toEqual({ kind: 'go', row, way: 'range' })
    expect(press(`Ctrl+${key}`)).toEqual({ kind: 'go', row, way: 'keep' })
  })

  it('does not leave the list', () => {
    expect(press('ArrowDown', { row: 99 })).toMatchObject({ row: 99 })
    expect(press('ArrowUp', { row: 0 })).toMatchObject({ row: 0 })
    expect(press('ArrowDown', { total: 0 })).toBeUndefined()
  })

  it.each([
    ['Enter', 'open'],
    ['Backspace', 'up'],
    ['Alt+ArrowUp', 'up'],
    ['F2', 'rename'],
    ['Delete', 'remove'],
    ['Ctrl+a', 'all'],
    ['Meta+a', 'all'],
    ['Escape', 'clear'],
    [' ', 'toggle'],
  ])('%s means %s', (key, kind) => {
    expect(press(key)).toEqual({ kind })
  })

  it('finds a name by what is typed, a space in it included', () => {
    expect(press('n')).toEqual({ kind: 'type', text: 'n' })
    expect(press('o', { typed: 'n' })).toEqual({ kind: 'type', text: 'no' })
    expect(press(' ', { typed: 'no' })).toEqual({ kind: 'type', text: 'no ' })
  })

  it('leaves to the browser what it does not use', () => {
    for (const key of ['Tab', 'F5', 'Ctrl+c', 'Ctrl+r', 'Alt+ArrowLeft', 'Alt+d']) expect(press(key)).toBeUndefined()
  })
})
