import { expect, test } from 'vitest'
import { FakeClock, settle } from '../../testkit/fake-clock.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../../testkit/memory-meta-store.ts'
import type { ShardClient } from '../../swarm/shard-client.ts'
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

test('a host that lags is asked last, until it gives something or a while has passed', async () => {
  const clock = new FakeClock()
  const [a, b] = ['aa'.repeat(32), 'bb'.repeat(32)] as const
  const clients = [a, b].map((host) => ({ hint: { key: host, addresses: [] }, client: { host } as ShardClient }))
  const pool = { get: () => Promise.reject(new Error('not asked')), connected: () => clients }
  const hosts = new Hosts({ pool, journal: new Journal(new MemoryMetaStore(memoryMetaDisk())), clock })
  const order = (): string => hosts.order([{ row: 0, host: a }, { row: 1, host: b }], 2).map(({ host }) => host[0]).join('')
  expect(order()).toBe('ab')
  hosts.suspect(a)
  expect(order()).toBe('ba')
  hosts.note(a, 'ok', 1, 1)
  expect(order()).toBe('ab')
  hosts.suspect(a)
  await clock.advance(60_000)
  expect(order()).toBe('ab')
})
