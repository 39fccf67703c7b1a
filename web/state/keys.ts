import type { Way } from './selection.svelte.ts'

/** What a key does in a list. */
export type KeyAction =
  | { readonly kind: 'go'; readonly row: number; readonly way: Way }
  | { readonly kind: 'open' | 'up' | 'rename' | 'remove' | 'all' | 'clear' | 'toggle' }
  | { readonly kind: 'type'; readonly text: string }

/** What is needed of a `KeyboardEvent`. */
export type Pressed = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>

/** Where the keyboard is: the row, the entries of the list, and rows that fit on the screen. */
export interface Place {
  readonly row: number
  readonly total: number
  readonly page: number
  /** What was typed a moment ago, to find a name by its beginning. */
  readonly typed: string
}

const PLAIN: Readonly<Record<string, KeyAction>> = {
  Enter: { kind: 'open' },
  Backspace: { kind: 'up' },
  F2: { kind: 'rename' },
  Delete: { kind: 'remove' },
  Escape: { kind: 'clear' },
}

/** What a key does in the list; `undefined` where it is left to the browser. */
export function keyAction(pressed: Pressed, place: Place): KeyAction | undefined {
  const { key, altKey } = pressed
  const control = pressed.ctrlKey || pressed.metaKey
  if (altKey) return key === 'ArrowUp' ? { kind: 'up' } : undefined
  if (control && (key === 'a' || key === 'A')) return { kind: 'all' }
  const row = target(key, place)
  if (row !== undefined) return place.total === 0 ? undefined : { kind: 'go', row, way: pressed.shiftKey ? 'range' : control ? 'keep' : 'only' }
  // A space within what is typed belongs to the name.
  if (key === ' ' && (control || place.typed === '')) return { kind: 'toggle' }
  if (control) return undefined
  return PLAIN[key] ?? (Array.from(key).length === 1 ? { kind: 'type', text: place.typed + key } : undefined)
}

function target(key: string, { row, total, page }: Place): number | undefined {
  const last = total - 1
  switch (key) {
    case 'ArrowUp':
      return Math.max(0, row - 1)
    case 'ArrowDown':
      return Math.min(last, row + 1)
    case 'PageUp':
      return Math.max(0, row - page)
    case 'PageDown':
      return Math.min(last, row + page)
    case 'Home':
      return 0
    case 'End':
      return last
    default:
      return undefined
  }
}
