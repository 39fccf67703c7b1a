import { describe, expect, test } from 'vitest'
import { concat, toHex } from '../base/bytes.ts'
import * as ed25519 from '../seal/ed25519.ts'
import { settle } from '../testkit/fake-clock.ts'
import { RawPeer } from '../testkit/raw-peer.ts'
import { keyPair, shardWorld, type MemoryHost, type ShardWorld } from '../testkit/shard-world.ts'
import { HELLO_TIME, IDLE_TIME, MAX_DATA, MAX_OPEN, REFUSAL_TIME, REQUEST_BURST, SHARD_PROTOCOL, STALL_TIME, WINDOW } from './limits.ts'
import { encodeMessage, type Message } from './messages.ts'
import { tenantProof } from './tenant-proof.ts'

const tenant = keyPair(500)

async function scene() {
  const world = await shardWorld()
  const host = await world.host()
  return { world, host, honest: await world.client(host) }
}

/** A stream on which HELLO was read; greeted as a tenant unless `greet` is false. */
async function raw(world: ShardWorld, host: MemoryHost, greet = true, network = world.peer()): Promise<RawPeer> {
  const peer = new RawPeer(await network.open({ key: host.key.name, addresses: [] }, SHARD_PROTOCOL))
  const { nonce } = await peer.expect('hello')
  if (!greet) return peer
  const signature = ed25519.sign(tenant.seed, tenantProof(host.key.name, network.self, nonce))
  await peer.send({ type: 'hi', proof: { key: tenant.key, signature } })
  return peer
}

async function stillServes({ world, honest }: Awaited<ReturnType<typeof scene>>): Promise<void> {
  const { root, bytes } = world.shard(50_000)
  await honest.put(root, bytes)
  expect(await honest.get(root)).toEqual(bytes)
}

/** The host must end the stream with ERROR id 0 and `code`, and go on serving others. */
async function isCutOff(code: string, misbehave: (peer: RawPeer, world: ShardWorld) => Promise<void>): Promise<void> {
  const all = await scene()
  const peer = await raw(all.world, all.host)
  await misbehave(peer, all.world)
  const { messages } = await peer.rest()
  expect(messages.at(-1)).toMatchObject({ type: 'error', id: 0, code })
  await peer.stream.close()
  await settle()
  expect(all.world.hub.failures.map((error) => error.code)).toEqual([code])
  await stillServes(all)
}

const root = new Uint8Array(32).fill(9)

describe('a host cuts off a client', () => {
  test('that sends an unknown type', () => isCutOff('frame.unknown', (peer) => peer.sendBody(Uint8Array.of(0x77, 1))))

  test('that sends a malformed body', () => isCutOff('format.short', (peer) => peer.sendBody(Uint8Array.of(0x11, 1, 2, 3))))

  test('that announces an oversized frame', () =>
    isCutOff('frame.oversized', (peer) => peer.stream.write(Uint8Array.of(0, 1, 0, 1))))

  test('that speaks as a host', () => isCutOff('frame.unexpected', (peer) => peer.send({ type: 'ack', id: 1 })))

  test('that greets twice', () => isCutOff('frame.unexpected', (peer) => peer.send({ type: 'hi', proof: undefined })))

  test('that sends data nobody announced', () =>
    isCutOff('data.unasked', (peer) => peer.send({ type: 'data', id: 3, bytes: Uint8Array.of(1) })))

  test('that sends more data than it announced', () =>
    isCutOff('data.unasked', async (peer) => {
      await peer.send({ type: 'put', id: 1, root, size: 2 })
      await peer.send({ type: 'data', id: 1, bytes: Uint8Array.of(1, 2, 3) })
    }))

  test('that uses the id of an open request again', () =>
    isCutOff('request.reused', async (peer) => {
      await peer.send({ type: 'put', id: 1, root, size: 20 })
      await peer.send({ type: 'get', id: 1, root, offset: 0, length: 0 })
    }))

  test('that sends beyond its credit, which a slow disk holds back', async () => {
    const world = await shardWorld()
    const never = new Promise<void>(() => undefined)
    const host = await world.host({ wrapShards: (store) => Object.assign(Object.create(store) as typeof store, { put: () => never }) })
    const peer = await raw(world, host)
    const sending: Promise<void>[] = []
    for (let id = 1; id * MAX_DATA <= WINDOW + MAX_DATA; id++) {
      const { root: mine, bytes } = world.shard(MAX_DATA)
      sending.push(peer.send({ type: 'put', id, root: mine, size: MAX_DATA }), peer.send({ type: 'data', id, bytes }))
    }
    await Promise.allSettled(sending)
    expect(await peer.rest()).toEqual({ messages: [expect.objectContaining({ type: 'error', id: 0, code: 'credit.overrun' })] })
  })

  test('that gives more credit than it can have taken', () => isCutOff('credit.excess', (peer) => peer.send({ type: 'credit', bytes: 1 })))

  test('that begins more transfers at once than are allowed', () =>
    isCutOff('data.interleaved', async (peer) => {
      for (const id of [1, 2, 3]) {
        await peer.send({ type: 'put', id, root, size: 100 })
        await peer.send({ type: 'data', id, bytes: Uint8Array.of(1) })
      }
    }))

  test('whose proof of its tenant was made for another stream', async () => {
    const all = await scene()
    const peer = await raw(all.world, all.host, false)
    const signature = ed25519.sign(tenant.seed, tenantProof(all.host.key.name, tenant.name, new Uint8Array(32)))
    await peer.send({ type: 'hi', proof: { key: tenant.key, signature } })
    const { messages } = await peer.rest()
    expect(messages.at(-1)).toMatchObject({ type: 'error', id: 0, code: 'tenant.forged' })
    await stillServes(all)
  })

  test('that never greets', async () => {
    const all = await scene()
    const peer = await raw(all.world, all.host, false)
    await all.world.clock.advance(HELLO_TIME)
    expect((await peer.rest()).messages.at(-1)).toMatchObject({ type: 'error', id: 0, code: 'hello.late' })
    await stillServes(all)
  })

  test('that does nothing for ten minutes', async () => {
    const all = await scene()
    const peer = await raw(all.world, all.host)
    await all.world.clock.advance(IDLE_TIME - 20_000)
    await all.honest.has([root])
    expect(all.world.hub.failures).toEqual([])
    await all.world.clock.advance(30_000)
    expect((await peer.rest()).messages.at(-1)).toMatchObject({ type: 'error', id: 0, code: 'stream.idle' })
    await stillServes(all)
  })

  test('that gives no credit for what it asked', async () => {
    const all = await scene()
    const shard = all.world.shard(1_500_000)
    await all.honest.put(shard.root, shard.bytes)
    const peer = await raw(all.world, all.host)
    await peer.send({ type: 'get', id: 1, root: shard.root, offset: 0, length: 0 })
    const rest = peer.rest()
    await all.world.clock.advance(STALL_TIME + 20_000)
    const { messages } = await rest
    const data = messages.filter((message) => message.type === 'data')
    expect(data.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(WINDOW)
    expect(messages.at(-1)).toMatchObject({ type: 'error', id: 0, code: 'peer.stalled' })
    await stillServes(all)
  })

  test('that never reads, and nothing more is read from it meanwhile', async () => {
    const all = await scene()
    const peer = await raw(all.world, all.host)
    let sent = 0
    const flood = async () => {
      for (let id = 1; ; id++) {
        await peer.send({ type: 'has', id, roots: Array.from({ length: 256 }, () => root) })
        sent++
      }
    }
    const flooding = flood().catch((error: unknown) => error)
    await settle(50)
    const before = sent
    await settle(20)
    expect(sent).toBe(before)
    await all.world.clock.advance(STALL_TIME + 20_000)
    expect(await flooding).toMatchObject({ code: 'stream.lost' })
    await stillServes(all)
  })
})

describe('a host refuses', () => {
  test('more open requests than the protocol allows, one by one, and serves the others', async () => {
    const all = await scene()
    const peer = await raw(all.world, all.host)
    for (let id = 1; id <= MAX_OPEN + 10; id++) await peer.send({ type: 'put', id, root, size: 100 })
    const refused = [await peer.expect('error'), await peer.expect('error')]
    expect(refused.map(({ code }) => code)).toEqual(['request.too-many', 'request.too-many'])
    const mine = all.world.blake3.hash(new Uint8Array(100))
    for (let id = MAX_OPEN; id <= MAX_OPEN + 10; id++) await peer.send({ type: 'cancel', id })
    await peer.send({ type: 'put', id: 500, root: mine, size: 100 })
    await peer.send({ type: 'data', id: 500, bytes: new Uint8Array(100) })
    expect(await peer.expect('ack')).toEqual({ type: 'ack', id: 500 })
  })

  test('requests that come too fast, until time has passed', async () => {
    const all = await scene()
    const peer = await raw(all.world, all.host)
    const answers: Message[] = []
    for (let id = 1; id <= REQUEST_BURST + 5; id++) {
      await peer.send({ type: 'has', id, roots: [root] })
      const answer = await peer.next()
      if (answer !== null) answers.push(answer)
    }
    expect(answers.filter(({ type }) => type === 'verdicts')).toHaveLength(REQUEST_BURST)
    expect(answers.at(-1)).toMatchObject({ type: 'error', id: REQUEST_BURST + 5, code: 'rate.limited', kind: 2 })
    await all.world.clock.advance(1000)
    await peer.send({ type: 'has', id: 5000, roots: [root] })
    expect(await peer.next()).toMatchObject({ type: 'verdicts', id: 5000 })
    await stillServes(all)
  })

  test('a fifth stream of one peer, and takes another once one has ended', async () => {
    const { world, host } = await scene()
    const network = world.peer()
    const clients = []
    for (let i = 0; i < 4; i++) clients.push(await world.client(host, null, network))
    await expect(world.client(host, null, network)).rejects.toMatchObject({ kind: 'transient', code: 'host.busy' })
    await clients[0]?.close()
    await settle()
    await expect(world.client(host, null, network)).resolves.toBeDefined()
  })

  test('for a minute a peer that broke the protocol three times', async () => {
    const { world, host } = await scene()
    const network = world.peer()
    for (let i = 0; i < 3; i++) {
      const peer = await raw(world, host, true, network)
      await peer.sendBody(Uint8Array.of(0x99))
      await peer.rest()
      await peer.stream.close()
      await settle()
    }
    await expect(world.client(host, null, network)).rejects.toMatchObject({ kind: 'denied', code: 'peer.refused' })
    await expect(world.client(host, null)).resolves.toBeDefined()
    await world.clock.advance(REFUSAL_TIME)
    await expect(world.client(host, null, network)).resolves.toBeDefined()
  })

  test('a shard named twice in a commit, and does nothing', async () => {
    const all = await scene()
    const { root: mine, bytes } = all.world.shard(10)
    await all.honest.put(mine, bytes)
    await expect(all.honest.commit([{ root: mine, size: 10 }, { root: mine, size: 10 }])).rejects.toMatchObject({ kind: 'invalid', code: 'request.duplicate' })
    expect(await all.honest.has([mine])).toEqual(['staged'])
  })
})

describe('what a host keeps of a client', () => {
  test('nothing of a put that broke off in the middle', async () => {
    const { world, host } = await scene()
    const peer = await raw(world, host)
    const { root: mine, bytes } = world.shard(1000)
    await peer.send({ type: 'put', id: 1, root: mine, size: 1000 })
    await peer.send({ type: 'data', id: 1, bytes: bytes.slice(0, 999) })
    peer.stream.abort(new RangeError('gone'))
    await settle()
    expect(host.shardDisk.shards.size).toBe(0)
    expect((await host.vault.usage()).used).toBe(0)
    expect((await host.vault.usage()).tenants).toBe(0)
  })

  test('a refused put whose data goes by, or is cancelled, harms nothing that follows', async () => {
    const { world, host } = await scene()
    const peer = await raw(world, host)
    const { root: mine, bytes } = world.shard(100)
    const wrong = bytes.map((byte) => byte ^ 1)
    await peer.send({ type: 'put', id: 1, root: mine, size: 100 })
    await peer.send({ type: 'data', id: 1, bytes: wrong })
    expect(await peer.expect('error')).toMatchObject({ id: 1, code: 'shard.wrong-root' })
    await peer.send({ type: 'putObject', id: 2, name: root, record: Uint8Array.of(1), size: 100 })
    expect(await peer.expect('error')).toMatchObject({ id: 2, code: 'record.malformed' })
    await peer.send({ type: 'data', id: 2, bytes: bytes.slice(0, 40) })
    await peer.send({ type: 'cancel', id: 2 })
    await peer.send({ type: 'putObject', id: 3, name: root, record: Uint8Array.of(1), size: 100 })
    await peer.expect('error')
    await peer.send({ type: 'data', id: 3, bytes })
    await peer.send({ type: 'put', id: 4, root: mine, size: 100 })
    await peer.send({ type: 'data', id: 4, bytes })
    expect(await peer.expect('ack')).toMatchObject({ id: 4 })
    expect([...host.shardDisk.shards.keys()]).toEqual([toHex(mine)])
  })

  test('frames that arrive byte by byte or all at once mean the same', async () => {
    const { world, host } = await scene()
    const { root: mine, bytes } = world.shard(5)
    const body = [encodeMessage({ type: 'put', id: 1, root: mine, size: 5 }), encodeMessage({ type: 'data', id: 1, bytes })]
    const all = concat(body.flatMap((one) => [Uint8Array.of(0, 0, 0, one.length), one]))
    const slow = await raw(world, host)
    for (const byte of all) await slow.stream.write(Uint8Array.of(byte))
    expect(await slow.expect('ack')).toMatchObject({ id: 1 })
    const fast = await raw(world, host)
    await fast.stream.write(all)
    expect(await fast.expect('ack')).toMatchObject({ id: 1 })
  })
})
