import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ByteStream } from '../core/ports/network.ts'
import { LANE_BYTES, MAX_LANE_STREAMS } from './lane.ts'
import { peerIdOf } from './identity.ts'
import type { Peer } from './peer.ts'
import { FREE_BYTES, PEER_BYTES } from './relay-quota.ts'
import { makeWorld, until, type World } from './test-world.ts'

const ECHO = '/shoal/echo/1'
const SINK = '/shoal/sink/1'
const PART = 64 * 1024

/** Tabs without WebRTC: nothing but a relay leads from one to the other. */
describe('the relayed lane', () => {
  let world: World
  let host: Peer
  let other: Peer
  let sunk = 0
  let ends: unknown[] = []

  beforeAll(async () => {
    world = await makeWorld()
    host = await world.client()
    other = await world.client()
    const echo = async (stream: ByteStream) => {
      for (let part = await stream.read(); part !== null; part = await stream.read()) await stream.write(part)
      await stream.close()
    }
    for (const { network } of [host, other]) await network.handle(ECHO, echo, world.signal)
    const sink = async (stream: ByteStream) => {
      try {
        for (let part = await stream.read(); part !== null; part = await stream.read()) sunk += part.length
      } catch (error) {
        ends.push(error)
        throw error
      }
    }
    await host.network.handle(SINK, sink, world.signal)
    await until(() => [host, other].every(({ identity }) => world.relay.peer.node.services.relay.reservations.has(peerIdOf(identity.key))))
  })
  afterAll(() => world.close())

  const hint = (peer: Peer) => ({
    key: peer.identity.key,
    addresses: [`${world.relay.peer.node.getMultiaddrs()[0]!.toString()}/p2p-circuit`],
  })

  it('carries a small transfer both ways, and both ends say that it is relayed', { timeout: 20_000 }, async () => {
    const guest = await world.client()
    const stream = await guest.network.open(hint(host), ECHO)
    expect(stream.relayed).toBe(true)
    const sent = new Uint8Array(300_000).map((_, i) => i * 7 + (i >> 8))
    const writing = stream.write(sent).then(() => stream.close())
    const received: Uint8Array[] = []
    for (let part = await stream.read(); part !== null; part = await stream.read()) received.push(part)
    await writing
    expect(Buffer.concat(received).equals(Buffer.from(sent))).toBe(true)
    const open = await guest.network.open(hint(host), ECHO)
    expect(guest.network.state().relayed).toEqual([host.identity.key])
    expect(guest.network.state().peers).not.toContain(host.identity.key)
    await until(() => host.network.state().relayed.includes(guest.identity.key))
    open.abort(new Error('enough'))
    await until(() => guest.network.state().relayed.length === 0 && !host.network.state().relayed.includes(guest.identity.key))
  })

  it('is taken beside a direct way that never comes to an end, as where UDP is blocked', { timeout: 30_000 }, async () => {
    const guest = await world.client()
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { key, addresses } = hint(host)
    const deadEnd = `/ip4/127.0.0.1/tcp/${String((silent.address() as AddressInfo).port)}/ws`
    const stream = await guest.network.open({ key, addresses: [deadEnd, ...addresses] }, ECHO, { signal: AbortSignal.timeout(15_000) })
    expect(stream.relayed).toBe(true)
    await stream.close()
    silent.close()
    await guest.network.close()
  })

  it('refuses a big one by name at both ends, harms nobody else, and can be opened anew', { timeout: 20_000 }, async () => {
    const guest = await world.client()
    const calm = await other.network.open(hint(host), ECHO)
    const stream = await guest.network.open(hint(host), SINK)
    ends = []
    sunk = 0
    const flood = async () => {
      for (let sent = 0; sent < 2 * LANE_BYTES; sent += PART) await stream.write(new Uint8Array(PART))
    }
    await expect(flood()).rejects.toMatchObject({ kind: 'transient', code: 'lane.spent' })
    await until(() => ends.length === 1)
    expect(ends[0]).toMatchObject({ kind: 'transient', code: 'lane.spent' })
    expect(sunk).toBeLessThanOrEqual(LANE_BYTES)
    await expect(stream.read()).rejects.toMatchObject({ kind: 'transient' })
    await calm.write(Uint8Array.of(7))
    expect(await calm.read()).toEqual(Uint8Array.of(7))
    const again = await guest.network.open(hint(host), ECHO)
    expect(again.relayed).toBe(true)
    await again.write(Uint8Array.of(8))
    expect(await again.read()).toEqual(Uint8Array.of(8))
    calm.abort(new Error('enough'))
    again.abort(new Error('enough'))
  })

  it('names a protocol that the other side does not speak', async () => {
    const guest = await world.client()
    await expect(guest.network.open(hint(host), '/shoal/unknown/1')).rejects.toMatchObject({ code: 'peer.protocol' })
  })

  it('ends when the relay has carried for a peer what it carries, and for no other', { timeout: 60_000 }, async () => {
    const guest = await world.client()
    const most = PEER_BYTES.burst + 2 * PEER_BYTES.per
    sunk = 0
    let idle = 0
    // Each connection may carry something; once the quota is spent, no more than what is free.
    while (idle < 3 && sunk < most) {
      const before = sunk
      const stream = await guest.network.open(hint(host), SINK)
      try {
        for (;;) await stream.write(new Uint8Array(PART))
      } catch {
        idle = sunk - before <= FREE_BYTES ? idle + 1 : 0
      }
    }
    expect(sunk).toBeLessThan(most)
    expect(sunk).toBeGreaterThan(PEER_BYTES.burst / 2)
    const stream = await other.network.open(hint(host), ECHO)
    await stream.write(new Uint8Array(2 * FREE_BYTES))
    let back = 0
    while (back < 2 * FREE_BYTES) back += (await stream.read())?.length ?? Infinity
    expect(back).toBe(2 * FREE_BYTES)
    stream.abort(new Error('enough'))
  })

  it('has room for so many streams of a peer, and for others beside them', { timeout: 20_000 }, async () => {
    const guest = await world.client()
    const opened: ByteStream[] = []
    const works = async (stream: ByteStream) => {
      await stream.write(Uint8Array.of(9))
      expect(await stream.read()).toEqual(Uint8Array.of(9))
    }
    const fill = async () => {
      while (opened.length <= MAX_LANE_STREAMS) {
        const stream = await guest.network.open(hint(host), ECHO)
        await works(stream)
        opened.push(stream)
      }
    }
    await expect(fill()).rejects.toMatchObject({ kind: 'transient' })
    expect(opened.length).toBeGreaterThan(1)
    const calm = await other.network.open(hint(host), ECHO)
    await works(calm)
    await works(opened[0]!)
    for (const stream of [...opened, calm]) stream.abort(new Error('enough'))
  })
})
