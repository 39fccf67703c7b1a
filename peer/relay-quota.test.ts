import { describe, expect, it } from 'vitest'
import type { Clock } from '../core/ports/clock.ts'
import { ALL_BYTES, LaneQuotas, PEER_BYTES, PEER_CONNECTIONS } from './relay-quota.ts'

const HOUR = 3_600_000

describe('what a relay carries for a peer', () => {
  function quotas(): { quotas: LaneQuotas; pass: (ms: number) => void } {
    let now = 1_000_000
    const clock: Clock = { now: () => now, sleep: () => Promise.resolve() }
    return { quotas: new LaneQuotas(clock), pass: (ms) => (now += ms) }
  }

  it('is a burst, then so much an hour, and what one used up is not taken from another', () => {
    const { quotas: all, pass } = quotas()
    expect(all.carry('a', PEER_BYTES.burst)).toBe(true)
    expect(all.carry('a', 1)).toBe(false)
    expect(all.carry('b', PEER_BYTES.burst)).toBe(true)
    pass(HOUR / 4)
    expect(all.carry('a', PEER_BYTES.per / 4)).toBe(true)
    expect(all.carry('a', 1)).toBe(false)
    pass(100 * HOUR)
    expect(all.carry('a', PEER_BYTES.burst + 1)).toBe(false)
    expect(all.carry('a', PEER_BYTES.burst)).toBe(true)
  })

  it('ends for all when many keys together use up what all may', () => {
    const { quotas: all } = quotas()
    const keys = ALL_BYTES.burst / PEER_BYTES.burst
    for (let i = 0; i < keys; i++) expect(all.carry(`key ${i}`, PEER_BYTES.burst)).toBe(true)
    expect(all.carry('one more', 1)).toBe(false)
  })

  it('is so many connections a minute; a clock that jumps back changes nothing', () => {
    const { quotas: all, pass } = quotas()
    for (let i = 0; i < PEER_CONNECTIONS.burst; i++) expect(all.connect('a')).toBe(true)
    expect(all.connect('a')).toBe(false)
    expect(all.connect('b')).toBe(true)
    pass(-HOUR)
    expect(all.connect('a')).toBe(false)
    pass(PEER_CONNECTIONS.within)
    expect(all.connect('a')).toBe(true)
  })
})
