import { describe, expect, it } from 'vitest'
import { FakeClock, settle } from '../core/testkit/fake-clock.ts'
import type { Snapshot } from './contract.ts'
import { Snapshots } from './snapshots.ts'

const base: Snapshot = {
  phase: 'running',
  peers: 0,
  hosts: 0,
  relayed: 0,
  relays: [],
  space: { files: 0, stored: 0, free: 0 },
  local: { used: 0, quota: 0 },
}

function setUp(): { clock: FakeClock; snapshots: Snapshots; set: (peers: number) => void; taken: () => number } {
  const clock = new FakeClock()
  const now = { peers: 0, taken: 0 }
  const take = (): Snapshot => {
    now.taken++
    return { ...base, peers: now.peers }
  }
  const snapshots = new Snapshots(take, clock)
  const set = (peers: number): void => {
    now.peers = peers
    snapshots.changed()
  }
  return { clock, snapshots, set, taken: () => now.taken }
}

describe('snapshots', () => {
  it('come at once, then after a change, and at most four times a second', async () => {
    const { clock, snapshots, set } = setUp()
    const seen: number[] = []
    snapshots.watch(({ peers }) => seen.push(peers))
    expect(seen).toEqual([0])
    for (let peers = 1; peers <= 10; peers++) {
      set(peers)
      await clock.advance(50)
    }
    expect(seen).toEqual([0, 1, 5, 10])
  })

  it('are neither made nor sent when nothing changed', async () => {
    const { clock, snapshots, set, taken } = setUp()
    const seen: number[] = []
    snapshots.watch(({ peers }) => seen.push(peers))
    set(0)
    await clock.advance(1000)
    expect(seen).toEqual([0])
    expect(taken()).toBe(2)
    expect(clock.sleeping).toBe(0)
  })

  it('reach the others when one page is gone', async () => {
    const { snapshots, set } = setUp()
    const seen: number[] = []
    snapshots.watch(() => Promise.reject(new Error('gone')))
    snapshots.watch(({ peers }) => seen.push(peers))
    set(3)
    await settle()
    expect(seen).toEqual([0, 3])
  })
})
