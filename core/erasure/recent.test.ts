import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Recent } from './recent.ts'

test('a value is made once while it is among those used last, and no more are ever kept', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), { maxLength: 60 }), (most, keys) => {
      const recent = new Recent<string>(most)
      let used: string[] = []
      for (const key of keys) {
        let made = false
        const value = recent.get(key, () => {
          made = true
          return key.toUpperCase()
        })
        expect(value).toBe(key.toUpperCase())
        expect(made).toBe(!used.includes(key))
        used = [key, ...used.filter((other) => other !== key)].slice(0, most)
        expect(recent.size).toBe(used.length)
      }
    }),
  )
})

test('what fails to be made is made anew the next time', () => {
  const recent = new Recent<number>(2)
  const fail = (): number => {
    throw new Error('not yet')
  }
  expect(() => recent.get('a', fail)).toThrow('not yet')
  expect(recent.get('a', () => 1)).toBe(1)
})
