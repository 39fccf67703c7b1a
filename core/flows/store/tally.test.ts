import { expect, test } from 'vitest'
import { Tally } from './tally.ts'

test('what was known counts as read, and what was sealed at every step', () => {
  const tally = new Tally()
  tally.sealed(1000, 400, 700)
  tally.knew(1000)
  tally.sealed(50, 50, 160)
  expect(tally.bytes).toEqual({ read: 2050, fresh: 1050, compressed: 450, shards: 860 })
})
