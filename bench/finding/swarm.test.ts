import { describe, expect, it } from 'vitest'
import { BUCKET_FULL } from '../../peer/host-buckets.ts'
import { LIMITS, simulate } from './swarm.ts'

describe('swarms of hosts that come and go', () => {
  it.each([100, 1000, 3000])('of %i hosts, a search finds 64 in three look-ups at most, and no bucket holds more than its limit', { timeout: 120_000 }, (hosts) => {
    const measured = simulate(hosts, 7)
    expect(measured.fewestFound).toBeGreaterThanOrEqual(BUCKET_FULL)
    expect(measured.mostLookUps).toBeLessThanOrEqual(3)
    expect(measured.mostProviders).toBeLessThanOrEqual(LIMITS.providers)
    // Once hosts fill many buckets, nobody's key is everybody's.
    if (hosts >= 1000) expect(measured.hottestReads).toBeLessThan(measured.oneKeyReads / 5)
  })

  it('a small swarm is found in one look-up, all of it', () => {
    const measured = simulate(16, 7)
    expect(measured.mostLookUps).toBe(1)
    expect(measured.fewestFound).toBeGreaterThanOrEqual(15)
    expect(measured.deepest).toBe(0)
  })

  it('a swarm that shrinks from 3,000 to 200 hosts is found again in a few look-ups', { timeout: 120_000 }, () => {
    const measured = simulate(3000, 7, 200)
    expect(measured.fewestFound).toBeGreaterThanOrEqual(BUCKET_FULL)
    expect(measured.mostLookUps).toBeLessThanOrEqual(3)
  })
})
