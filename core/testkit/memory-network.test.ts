import { expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { MemoryHub } from './memory-network.ts'
import { MemoryDht, MemoryRecords, toySignatures } from './memory-records.ts'
import { memoryPair } from './memory-stream.ts'
import { SeededRandom } from './seeded-random.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)

function echoWorld() {
  const hub = new MemoryHub()
  const a = hub.join(A)
  const b = hub.join(B)
  const stop = new AbortController()
  const echo = async (stream: { read(): Promise<Uint8Array | null>; write(bytes: Uint8Array): Promise<void>; close(): Promise<void> }) => {
    for (let part = await stream.read(); part !== null; part = await stream.read()) await stream.write(part)
    await stream.close()
  }
  return { hub, a, b, stop, ready: b.handle('/echo', echo, stop.signal) }
}

test('a stream of two joined peers carries bytes both ways and ends cleanly', async () => {
  const { a, ready } = echoWorld()
  await ready
  const stream = await a.open({ key: B, addresses: [] }, '/echo')
  await stream.write(Uint8Array.of(1, 2, 3))
  expect(await stream.read()).toEqual(Uint8Array.of(1, 2, 3))
  await stream.close()
  expect(await stream.read()).toBeNull()
})

test('a peer that does not speak the protocol and one that is not there are told apart', async () => {
  const { a, hub } = echoWorld()
  await expect(a.open({ key: B, addresses: [] }, '/other')).rejects.toMatchObject({ kind: 'transient', code: 'peer.protocol' })
  hub.kill(B)
  await expect(a.open({ key: B, addresses: [] }, '/echo')).rejects.toMatchObject({ kind: 'transient', code: 'peer.unreachable' })
})

test('a cut link breaks open streams and refuses new ones until it is healed', async () => {
  const { a, hub, ready } = echoWorld()
  await ready
  const stream = await a.open({ key: B, addresses: [] }, '/echo')
  const read = stream.read()
  hub.cut(A, B)
  await expect(read).rejects.toMatchObject({ code: 'stream.lost' })
  await expect(a.open({ key: B, addresses: [] }, '/echo')).rejects.toMatchObject({ code: 'peer.unreachable' })
  hub.heal(A, B)
  await expect(a.open({ key: B, addresses: [] }, '/echo')).resolves.toBeDefined()
})

test('state names the peers with a stream, and watchers hear of changes', async () => {
  const { a, hub, ready } = echoWorld()
  await ready
  let changes = 0
  a.watch(() => changes++, new AbortController().signal)
  await a.open({ key: B, addresses: [] }, '/echo')
  expect(a.state().peers).toEqual([B])
  hub.kill(B)
  expect(a.state().peers).toEqual([])
  expect(changes).toBe(2)
})

test('announced hosts are found by others and not by themselves', async () => {
  const { a, b } = echoWorld()
  const stop = new AbortController()
  await b.announce(stop.signal)
  const found = async (network: typeof a) => {
    const keys: string[] = []
    for await (const hint of network.findHosts()) keys.push(hint.key)
    return keys
  }
  expect(await found(a)).toEqual([B])
  expect(await found(b)).toEqual([])
  stop.abort()
  expect(await found(a)).toEqual([])
})

test('a write waits while the other side does not read', async () => {
  const [left, right] = memoryPair({ buffer: 10 })
  let written = false
  const writing = left.write(new Uint8Array(20)).then(() => (written = true))
  await settle()
  expect(written).toBe(false)
  await right.read()
  await writing
  expect(written).toBe(true)
})

test('a stream may hand bytes out in pieces of any size', async () => {
  const random = new SeededRandom(7)
  const [left, right] = memoryPair({ chunk: () => random.integer(1, 5) })
  const sent = random.bytes(100)
  await left.write(sent)
  await left.close()
  const parts: Uint8Array[] = []
  for (let part = await right.read(); part !== null; part = await right.read()) parts.push(part)
  expect(parts.length).toBeGreaterThan(19)
  expect(concat(parts)).toEqual(sent)
})

test('the fake clock wakes sleepers in order of time and lets an aborted one go', async () => {
  const clock = new FakeClock(0)
  const woken: string[] = []
  const stop = new AbortController()
  void clock.sleep(20).then(() => woken.push('late'))
  void clock.sleep(10).then(() => woken.push('early'))
  const aborted = clock.sleep(5, stop.signal)
  stop.abort()
  await expect(aborted).rejects.toMatchObject({ kind: 'aborted' })
  await clock.advance(15)
  expect(woken).toEqual(['early'])
  await clock.advance(5)
  expect(woken).toEqual(['early', 'late'])
  expect(clock.now()).toBe(20)
})

test('records keep the highest sequence, and forged, expired and absent ones are told apart', async () => {
  const clock = new FakeClock(1000)
  const dht = new MemoryDht()
  const records = new MemoryRecords(dht, clock)
  const seed = new SeededRandom(3).bytes(32)
  const name = await toySignatures.publicKey(seed)
  await expect(records.resolve(name)).rejects.toMatchObject({ kind: 'absent', code: 'record.absent' })
  const old = await records.sign(seed, { value: '/x', sequence: 1n, expires: 5000 })
  const fresh = await records.sign(seed, { value: '/y', sequence: 2n, expires: 5000 })
  await records.publish(name, fresh)
  await records.publish(name, old)
  expect(await records.open(name, await records.resolve(name))).toEqual({ value: '/y', sequence: 2n, expires: 5000 })
  const other = await toySignatures.publicKey(new SeededRandom(4).bytes(32))
  await expect(records.open(other, fresh)).rejects.toMatchObject({ code: 'record.forged' })
  await expect(records.open(name, fresh.subarray(1))).rejects.toMatchObject({ code: 'record.malformed' })
  clock.jump(5000)
  await expect(records.open(name, fresh)).rejects.toMatchObject({ code: 'record.expired' })
  dht.servers = 0
  await expect(records.resolve(name)).rejects.toMatchObject({ kind: 'transient' })
})
