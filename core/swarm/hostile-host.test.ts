import { describe, expect, test } from 'vitest'
import { AppError } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import { signAdvert, type HostAdvert } from '../formats/advert.ts'
import { LEASE_SECONDS, signReceipt, type Receipt } from '../formats/receipt.ts'
import * as ed25519 from '../seal/ed25519.ts'
import { RawPeer } from '../testkit/raw-peer.ts'
import { memoryPair, type MemoryStreamOptions } from '../testkit/memory-stream.ts'
import { keyPair, shardWorld, type KeyPair, type ShardWorld } from '../testkit/shard-world.ts'
import { openShardClient } from './client.ts'
import { CREDIT_STEP, HELLO_TIME, MAX_DATA, REQUEST_LIMIT, REQUEST_STALL, UPLOAD_LIMIT } from './limits.ts'
import type { ShardClient } from './shard-client.ts'

const hostKey = keyPair(600)
const tenant = keyPair(601)
const self = keyPair(602)

function now(world: ShardWorld): number {
  return Math.floor(world.clock.now() / 1000)
}

function advert(world: ShardWorld, change: Partial<HostAdvert> = {}, signer: KeyPair = hostKey): Promise<Bytes> {
  const issued = now(world)
  const fields = { host: signer.key, issued, expires: issued + 3600, freeClass: 5, uptimeClass: 3, addresses: [], ...change }
  return signAdvert(fields, (message) => Promise.resolve(ed25519.sign(signer.seed, message)))
}

function open(world: ShardWorld, stream: ReturnType<typeof memoryPair>[0], signal?: AbortSignal): Promise<ShardClient> {
  const { clock, blake3 } = world
  const options = { hostKey: hostKey.name, selfKey: self.name, tenant, clock, blake3, signatures: ed25519 }
  return openShardClient(stream, signal === undefined ? options : { ...options, signal })
}

/** An honest client, greeted by a host that the test plays. */
async function scene(line: MemoryStreamOptions = {}) {
  const world = await shardWorld()
  const [ours, theirs] = memoryPair(line)
  const opening = open(world, ours)
  const host = new RawPeer(theirs)
  await host.send({ type: 'hello', nonce: new Uint8Array(32), advert: await advert(world) })
  await host.expect('hi')
  return { world, host, client: await opening }
}

const root = new Uint8Array(32).fill(3)

/** The error that a promise will reject with; never an unhandled rejection. */
function failure(work: Promise<unknown>): Promise<AppError> {
  return work.then(
    () => new AppError('bug', 'test.resolved', 'it resolved'),
    (error: unknown) => error as AppError,
  )
}

describe('a client refuses to begin with a host', () => {
  async function opened(greet: (host: RawPeer, world: ShardWorld) => Promise<void>): Promise<AppError> {
    const world = await shardWorld()
    const [ours, theirs] = memoryPair()
    const opening = failure(open(world, ours))
    await greet(new RawPeer(theirs), world)
    return opening
  }

  test('whose advert is signed by another, names another, or is of another year', async () => {
    const hello = (make: (world: ShardWorld) => Promise<Bytes>) =>
      opened(async (host, world) => host.send({ type: 'hello', nonce: root, advert: await make(world) }))
    expect(await hello((world) => advert(world, { host: hostKey.key }, tenant))).toMatchObject({ kind: 'denied', code: 'advert.forged' })
    expect(await hello((world) => advert(world, {}, tenant))).toMatchObject({ kind: 'denied', code: 'advert.forged' })
    const year = 365 * 86_400
    const stale = (world: ShardWorld) => advert(world, { issued: now(world) - year, expires: now(world) - year + 60 })
    expect(await hello(stale)).toMatchObject({ kind: 'denied', code: 'advert.stale' })
    expect(await hello(() => Promise.resolve(root))).toMatchObject({ kind: 'invalid' })
  })

  test('that says something else first, garbage, or that it refuses', async () => {
    expect(await opened((host) => host.send({ type: 'ack', id: 1 }))).toMatchObject({ kind: 'invalid', code: 'frame.unexpected' })
    expect(await opened((host) => host.stream.write(new Uint8Array(9).fill(255)))).toMatchObject({ kind: 'invalid', code: 'frame.oversized' })
    const refusal = { type: 'error', id: 0, kind: 4, code: 'peer.refused', detail: 'no' } as const
    expect(await opened((host) => host.send(refusal))).toMatchObject({ kind: 'denied', code: 'peer.refused' })
    expect(await opened((host) => host.stream.close())).toMatchObject({ kind: 'transient', code: 'stream.ended' })
  })

  test('that never greets, or when it is told to give up', async () => {
    const world = await shardWorld()
    const silent = failure(open(world, memoryPair()[0]))
    await world.clock.advance(HELLO_TIME)
    expect(await silent).toMatchObject({ kind: 'transient', code: 'host.stalled' })
    const stop = new AbortController()
    const given = failure(open(world, memoryPair()[0], stop.signal))
    stop.abort()
    expect(await given).toMatchObject({ kind: 'aborted' })
  })
})

describe('a client does not believe a receipt', () => {
  const shards = [{ root, size: 100 }]
  const day = 86_400

  async function committed(change: (world: ShardWorld) => Partial<Receipt>, signer: KeyPair = hostKey): Promise<AppError> {
    const { world, host, client } = await scene()
    const work = failure(client.commit(shards))
    const { id } = await host.expect('commit')
    const issued = now(world)
    const honest: Receipt = { host: hostKey.key, tenant: tenant.key, lease: new Uint8Array(16), issued, expires: issued + LEASE_SECONDS, shards }
    const receipt = await signReceipt({ ...honest, ...change(world) }, (message) => Promise.resolve(ed25519.sign(signer.seed, message)))
    await host.send({ type: 'receipt', id, receipt })
    return work
  }

  test('that is right in everything is believed', async () => {
    expect(await committed(() => ({}))).toMatchObject({ code: 'test.resolved' })
    expect(await committed((world) => ({ issued: now(world) - day, expires: now(world) - day + LEASE_SECONDS }))).toMatchObject({ code: 'test.resolved' })
  })

  test.each<[string, (world: ShardWorld) => Partial<Receipt>, KeyPair?]>([
    ['signed by another', () => ({}), tenant],
    ['of another host', () => ({ host: tenant.key }), tenant],
    ['for another tenant', () => ({ tenant: hostKey.key })],
    ['for other shards', () => ({ shards: [{ root: new Uint8Array(32), size: 100 }] })],
    ['for shards of another size', () => ({ shards: [{ root, size: 99 }] })],
    ['for more shards', () => ({ shards: [...shards, { root: new Uint8Array(32).fill(9), size: 1 }] })],
    ['of last week', (world) => ({ issued: now(world) - 7 * day, expires: now(world) - 7 * day + LEASE_SECONDS })],
    ['for a day only', (world) => ({ expires: now(world) + day })],
    ['for ten years', (world) => ({ expires: now(world) + 3650 * day })],
  ])('%s', async (_, change, signer) => {
    expect(await committed(change, signer)).toMatchObject({ kind: 'denied', code: 'receipt.forged' })
  })

  test('that renews another lease', async () => {
    const { world, host, client } = await scene()
    const work = failure(client.renew(new Uint8Array(16).fill(1), shards))
    const { id } = await host.expect('renew')
    const issued = now(world)
    const other: Receipt = { host: hostKey.key, tenant: tenant.key, lease: new Uint8Array(16), issued, expires: issued + LEASE_SECONDS, shards }
    await host.send({ type: 'receipt', id, receipt: await signReceipt(other, (message) => Promise.resolve(ed25519.sign(hostKey.seed, message))) })
    expect(await work).toMatchObject({ kind: 'denied', code: 'receipt.forged' })
  })
})

describe('a client does not believe bytes', () => {
  test('that do not hash to their root, and goes on with the host', async () => {
    const { world, host, client } = await scene()
    const shard = world.shard(3000)
    const work = failure(client.get(shard.root))
    const { id } = await host.expect('get')
    await host.send({ type: 'found', id, size: 3000, first: 0, leaves: 3, proof: [] })
    await host.send({ type: 'data', id, bytes: shard.bytes.map((byte, i) => (i === 2999 ? byte ^ 128 : byte)) })
    expect(await work).toMatchObject({ kind: 'corrupt', code: 'shard.wrong-root', data: { peer: hostKey.name } })
    const again = client.has([root])
    await host.send({ type: 'verdicts', id: (await host.expect('has')).id, verdicts: [2] })
    expect(await again).toEqual(['leased'])
  })

  test('of a range with a proof that is wrong, short, or of another place', async () => {
    const { world, host, client } = await scene()
    const shard = world.shard(10_000)
    const proof = world.blake3.prove(shard.bytes, 2, 2)
    const leaves = shard.bytes.slice(2048, 4096)
    const forged = proof.map((value, i) => (i === 0 ? value.map((byte) => byte ^ 1) : value))
    const cases: [Bytes[], Bytes][] = [
      [proof.slice(1), leaves],
      [forged, leaves],
      [proof, leaves.map((byte, i) => (i === 7 ? byte ^ 1 : byte))],
      [[...proof, root], leaves],
    ]
    for (const [given, bytes] of cases) {
      const work = failure(client.get(shard.root, { offset: 2050, length: 1500 }))
      const { id } = await host.expect('get')
      await host.send({ type: 'found', id, size: 10_000, first: 2, leaves: 2, proof: given })
      await host.send({ type: 'data', id, bytes })
      expect(await work).toMatchObject({ kind: 'corrupt', code: 'shard.wrong-root' })
    }
  })
})

describe('a client ends the stream of a host', () => {
  async function ends(code: string, misbehave: (host: RawPeer, client: ShardClient) => Promise<void>): Promise<void> {
    const { host, client } = await scene()
    const open = [failure(client.get(root)), failure(client.put(root, new Uint8Array(100)))]
    await host.expect('get')
    await host.expect('put')
    await misbehave(host, client)
    await host.stream.close()
    expect(await client.closed).toMatchObject({ kind: 'invalid', code })
    for (const work of open) expect(await work).toMatchObject({ kind: 'invalid', code })
  }

  test('that answers what nobody asked', () => ends('data.unasked', (host) => host.send({ type: 'ack', id: 99 })))

  test('that answers with the wrong frame', () => ends('frame.unexpected', (host) => host.send({ type: 'ack', id: 1 })))

  test('that sends data before it says of what', () =>
    ends('frame.unexpected', (host) => host.send({ type: 'data', id: 1, bytes: Uint8Array.of(1) })))

  test('that speaks of other leaves than were asked for', () =>
    ends('frame.unexpected', (host) => host.send({ type: 'found', id: 1, size: 5000, first: 1, leaves: 4, proof: [] })))

  test('that sends more data than the shard has', () =>
    ends('frame.unexpected', async (host) => {
      await host.send({ type: 'found', id: 1, size: 10, first: 0, leaves: 1, proof: [] })
      await host.send({ type: 'data', id: 1, bytes: new Uint8Array(11) })
    }))

  test('that sends a request', () => ends('frame.unexpected', (host) => host.send({ type: 'hi', proof: undefined })))

  test('that sends a frame of no type', () => ends('frame.unknown', (host) => host.sendBody(Uint8Array.of(0x66))))

  test('that acknowledges what it cannot have received', async () => {
    const { host, client } = await scene()
    const work = failure(client.put(root, new Uint8Array(2 * 1024 * 1024)))
    const { id } = await host.expect('put')
    await host.send({ type: 'ack', id })
    expect(await work).toMatchObject({ kind: 'invalid', code: 'frame.unexpected' })
  })

  test('that goes on sending what was cancelled', async () => {
    const { host, client } = await scene()
    const stop = new AbortController()
    const work = failure(client.get(root, undefined, { signal: stop.signal }))
    const { id } = await host.expect('get')
    stop.abort()
    expect(await work).toMatchObject({ kind: 'aborted' })
    await host.expect('cancel')
    const reading = host.rest()
    const flood = async () => {
      for (let i = 0; i < 100; i++) await host.send({ type: 'data', id, bytes: new Uint8Array(MAX_DATA) })
    }
    await flood()
    await host.stream.close()
    await reading
    expect(await client.closed).toMatchObject({ kind: 'invalid', code: 'data.unasked' })
  })
})

describe('a client gives up', () => {
  test('on a host that stands still, after half a minute, and says transient', async () => {
    const { world, client } = await scene()
    const work = failure(client.get(root))
    await world.clock.advance(REQUEST_STALL - 5000)
    expect(client.open).toBe(1)
    await world.clock.advance(15_000)
    expect(await work).toMatchObject({ kind: 'transient', code: 'host.stalled' })
    await world.clock.advance(5000)
    expect(await client.closed).toMatchObject({ code: 'host.stalled' })
  })

  test('on one request that a busy host never answers, and cancels it', async () => {
    const { world, host, client } = await scene()
    const forgotten = failure(client.get(root))
    await host.expect('get')
    for (let waited = 0; waited <= REQUEST_LIMIT + 10_000; waited += 10_000) {
      const asked = failure(client.has([root]))
      const message = await host.next()
      if (message?.type === 'has') {
        await host.send({ type: 'verdicts', id: message.id, verdicts: [0] })
        expect(await asked).toMatchObject({ code: 'test.resolved' })
      } else expect(message).toEqual({ type: 'cancel', id: 1 })
      if (message?.type === 'cancel') break
      await world.clock.advance(10_000)
    }
    expect(await forgotten).toMatchObject({ kind: 'transient', code: 'host.stalled' })
  })

  test('on an upload that a busy host has all of and never acknowledges, within two minutes', async () => {
    const { world, host, client } = await scene()
    const forgotten = failure(client.put(root, new Uint8Array(1000)))
    await host.expect('put')
    await host.expect('data')
    let waited = 0
    for (; waited < 3 * UPLOAD_LIMIT; waited += 10_000) {
      void failure(client.has([root]))
      const message = await host.next()
      if (message?.type === 'cancel') break
      if (message?.type === 'has') await host.send({ type: 'verdicts', id: message.id, verdicts: [0] })
      await world.clock.advance(10_000)
    }
    expect(waited).toBeLessThan(2 * UPLOAD_LIMIT)
    expect(await forgotten).toMatchObject({ kind: 'transient', code: 'host.stalled' })
  })

  test('nothing while a host takes a large upload slowly', async () => {
    const { world, host, client } = await scene()
    const work = failure(client.put(root, new Uint8Array(2 * 1024 * 1024)))
    const { id } = await host.expect('put')
    let received = 0
    while (received < 2 * 1024 * 1024) {
      const { bytes } = await host.expect('data')
      received += bytes.length
      await host.send({ type: 'credit', bytes: bytes.length })
      await world.clock.advance(20_000)
    }
    await host.send({ type: 'ack', id })
    expect(await work).toMatchObject({ code: 'test.resolved' })
  })

  test('nothing while the line is so slow that minutes go by before the host has enough to give credit for', async () => {
    const { world, host, client } = await scene({ buffer: 1, chunk: () => MAX_DATA })
    const work = failure(client.put(root, new Uint8Array(2 * 1024 * 1024)))
    const { id } = await host.expect('put')
    let [received, owed] = [0, 0]
    while (received < 2 * 1024 * 1024) {
      const { bytes } = await host.expect('data')
      received += bytes.length
      owed += bytes.length
      if (owed >= CREDIT_STEP) {
        await host.send({ type: 'credit', bytes: owed })
        owed = 0
      }
      await world.clock.advance(25_000)
    }
    await host.send({ type: 'ack', id })
    expect(await work).toMatchObject({ code: 'test.resolved' })
  })
})
