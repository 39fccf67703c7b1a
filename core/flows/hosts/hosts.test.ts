import { expect, test } from 'vitest'
import { FakeClock, settle } from '../../testkit/fake-clock.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../../testkit/memory-meta-store.ts'
import { Journal } from '../journal.ts'
import { Hosts } from './hosts.ts'

test('trouble with a host is news once, and again when it comes back after a pause: whoever waits for news must not be woken by what it says itself', async () => {
  const clock = new FakeClock()
  const pool = { get: () => Promise.reject(new Error('nobody is there')), connected: () => [] }
  const hosts = new Hosts({ pool, journal: new Journal(new MemoryMetaStore(memoryMetaDisk())), clock })
  let rings = 0
  const listen = async (): Promise<void> => {
    for (;;) {
      await hosts.changed.wait(new AbortController().signal)
      rings++
    }
  }
  void listen()
  for (let i = 0; i < 5; i++) {
    hosts.cool('a', 'down')
    await settle()
  }
  expect(rings).toBe(1)
  hosts.cool('a', 'full')
  await settle()
  expect(rings).toBe(2)
  await clock.advance(24 * 3_600_000)
  hosts.cool('a', 'full')
  await settle()
  expect(rings).toBe(3)
})
