import { Key } from 'interface-datastore'
import { MemoryDatastore } from 'datastore-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HostPeer } from './host.ts'
import { peerIdOf } from './identity.ts'
import type { Peer } from './peer.ts'
import { collect, makeWorld, until, type World } from './test-world.ts'

const ECHO = '/shoal/echo/1'
const UNKNOWN = '/shoal/unknown/1'

describe('a relay, two hosts and a client', () => {
  let world: World
  let a: HostPeer
  let b: HostPeer
  let client: Peer

  beforeAll(async () => {
    world = await makeWorld()
    a = await world.host()
    b = await world.host()
    await a.network.announce(world.signal)
    await b.network.announce(world.signal)
    await a.network.handle(
      ECHO,
      async (stream) => {
        for (let part = await stream.read(); part !== null; part = await stream.read()) await stream.write(part)
        await stream.close()
      },
      world.signal,
    )
    client = await world.client()
  })
  afterAll(() => world.close())

  const hint = (host: HostPeer, addresses: string[] = []) => ({ key: host.identity.key, addresses })

  it('a client that just came finds all hosts, each once, with an address that works', { timeout: 10_000 }, async () => {
    const expected = [a.identity.key, b.identity.key].sort()
    await until(async () => (await collect(client.network.findHosts())).length === 2)
    const found = await collect(client.network.findHosts())
    expect(found.map(({ key }) => key).sort()).toEqual(expected)
    const visitor = await world.client([])
    const stream = await visitor.network.open(found.find(({ key }) => key === a.identity.key)!, ECHO)
    await stream.write(Uint8Array.of(1, 2, 3))
    expect(await stream.read()).toEqual(Uint8Array.of(1, 2, 3))
    await stream.close()
  })

  it('bytes come back whole and in order, and the end of a stream is an end', async () => {
    const stream = await client.network.open(hint(a), ECHO)
    const sent = crypto.getRandomValues(new Uint8Array(65_536))
    const rounds = 64
    const writing = (async () => {
      for (let i = 0; i < rounds; i++) await stream.write(sent)
      await stream.close()
    })()
    const received: Uint8Array[] = []
    for (let part = await stream.read(); part !== null; part = await stream.read()) received.push(part)
    await writing
    expect(Buffer.concat(received).equals(Buffer.concat(Array<Uint8Array>(rounds).fill(sent)))).toBe(true)
  })

  it('a peer is found by its key alone', async () => {
    const stream = await client.network.open(hint(b), '/ipfs/ping/1.0.0')
    stream.abort(new Error('enough'))
    await until(() => client.network.state().peers.includes(b.identity.key))
  })

  it('names a protocol that the other side does not speak, and a peer that cannot be reached', async () => {
    await expect(client.network.open(hint(a), UNKNOWN)).rejects.toMatchObject({ kind: 'transient', code: 'peer.protocol' })
    const nobody = { key: '00'.repeat(32), addresses: ['/ip4/127.0.0.1/tcp/9/ws'] }
    await expect(client.network.open(nobody, ECHO)).rejects.toMatchObject({ kind: 'transient', code: 'peer.unreachable' })
  })

  it('says aborted when the caller gave up', async () => {
    const signal = AbortSignal.abort()
    await expect(client.network.open(hint(a), ECHO, { signal })).rejects.toMatchObject({ kind: 'aborted' })
  })

  it('counts direct peers without the relay, and names the relay with its state', async () => {
    await until(() => client.network.state().relays[0]?.connected === true)
    const { peers, relays } = client.network.state()
    expect(relays).toEqual([{ url: world.relay.url, connected: true }])
    expect(peers).not.toContain(undefined)
    const relayKey = Buffer.from(world.relay.peer.node.peerId.publicKey!.raw).toString('hex')
    expect(peers).not.toContain(relayKey)
  })

  it('a reservation is there for as long as its peer, and its slot is free when the peer has left', async () => {
    const slots = () => world.relay.peer.node.services.relay.reservations
    const guest = await world.host()
    const name = peerIdOf(guest.identity.key)
    await until(() => slots().has(name))
    await guest.close()
    await until(() => !slots().has(name))
    expect(slots().has(peerIdOf(a.identity.key))).toBe(true)
  })

  it('a peer that only a relay leads to is reached over it, and counts as relayed, not as connected', async () => {
    const visitor = await world.client([])
    const relayed = `${world.relay.peer.node.getMultiaddrs()[0]!.toString()}/p2p-circuit`
    const stream = await visitor.network.open(hint(a, [relayed]), ECHO)
    expect(stream.relayed).toBe(true)
    expect(visitor.network.state().relayed).toEqual([a.identity.key])
    expect(visitor.network.state().peers).not.toContain(a.identity.key)
    stream.abort(new Error('enough'))
    await until(() => visitor.network.state().relayed.length === 0)
  })

  it('a host comes back at the port it had', async () => {
    const datastore = new MemoryDatastore()
    const first = await world.host(datastore)
    await first.close()
    const second = await world.host(datastore)
    expect(second.port).toBe(first.port)
    expect(await datastore.has(new Key('/shoal/port'))).toBe(true)
  })
})
