import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { safeName } from './safe-name.ts'

describe('a name that every computer takes', () => {
  it('is the same name where nothing is wrong with it', () => {
    for (const name of ['a.txt', 'Ferien in Málaga 2026.jpg', '.profile', 'a.b.c', 'console.log', '名前']) expect(safeName(name)).toBe(name)
  })

  it('has other characters for those that Windows refuses', () => {
    expect(safeName('12:30 "what?".txt')).toBe('12_30 _what__.txt')
    expect(safeName('dots at the end...')).toBe('dots at the end')
    expect(safeName('CON.txt')).toBe('_CON.txt')
    expect(safeName('lpt1')).toBe('_lpt1')
    expect(safeName('...')).toBe('_')
  })

  it('stays as it is when it is made safe twice', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) => {
      expect(safeName(safeName(name))).toBe(safeName(name))
    }))
  })
})
