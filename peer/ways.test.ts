import { multiaddr } from '@multiformats/multiaddr'
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { peerIdOf } from './identity.ts'
import { deadRelaysLast, firstOf, laneAddresses, needsRelay, waysOf } from './ways.ts'
import { systemClock } from './system.ts'
import { bareNode, makeWorld } from './test-world.ts'

const A = peerIdOf('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
const B = peerIdOf('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')
const never = (signal: AbortSignal) => systemClock.sleep(2 ** 30, signal)
const at = (relay: string) => multiaddr(`/ip4/1.2.3.4/tcp/1/ws/p2p/${relay}/p2p-circuit/webrtc/p2p/${B.toString()}`)
const own = multiaddr(`/ip4/1.2.3.4/tcp/2/ws/p2p/${B.toString()}`)

describe('the ways to a peer', () => {
  it('begins with the second when the first has failed, and without waiting for it when it is slow', async () => {
    const { signal } = new AbortController()
    const failing = () => Promise.reject(new Error('no'))
    expect(await firstOf([failing, () => Promise.resolve('second')], never, signal)).toBe('second')
    const ended = Promise.withResolvers<undefined>()
    const slow = async (limit: AbortSignal): Promise<string> => {
      await never(limit).catch(() => {
        ended.resolve(undefined)
      })
      throw new Error('ended')
    }
    expect(await firstOf([slow, () => Promise.resolve('second')], () => Promise.resolve(), signal)).toBe('second')
    await ended.promise
  })

  it('leaves the second alone when the first works at once, and fails when all do, or when asked to stop', async () => {
    let begun = false
    const second = () => Promise.resolve((begun = true))
    expect(await firstOf([() => Promise.resolve(false), second], never, new AbortController().signal)).toBe(false)
    expect(begun).toBe(false)
    const failing = () => Promise.reject(new Error('no'))
    await expect(firstOf([failing, failing], never, new AbortController().signal)).rejects.toBeInstanceOf(AggregateError)
    await expect(firstOf([never], never, AbortSignal.timeout(10))).rejects.toBeInstanceOf(AggregateError)
  })

  it('knows the relay of an address, leaves dead ones for last, and the way over nothing but it', () => {
    const [dead, alive] = [at(A.toString()), at(B.toString())]
    expect([own, dead].map(needsRelay)).toEqual([false, true])
    expect(deadRelaysLast([dead, own, alive], (relay) => relay === B.toString())).toEqual([own, alive, dead])
    const lane = `/ip4/1.2.3.4/tcp/1/ws/p2p/${A.toString()}/p2p-circuit/p2p/${B.toString()}`
    expect(laneAddresses([own, dead, multiaddr(lane)], B).map((address) => address.toString())).toEqual([lane])
  })

  it('are tried side by side: own addresses, and those that need a relay together', () => {
    const own = Array.from({ length: 5 }, (_, i) => multiaddr(`/ip4/1.2.3.4/tcp/${i + 1}/ws`))
    const [a, b] = [at(A.toString()), at(B.toString())]
    expect(waysOf([...own, a, b])).toEqual([[own[0]], [own[1]], [own[2]], [own[3], own[4]], [a, b]])
    expect(waysOf([a])).toEqual([[a]])
    expect(waysOf([])).toEqual([])
  })

  it('lead past an address that says nothing, long before that is given up', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const world = await makeWorld()
    try {
      const host = await world.host()
      const visitor = await world.client([])
      await host.network.handle('/shoal/echo/1', async (stream) => stream.write(Uint8Array.of(1)), world.signal)
      const addresses = [(silent.address() as AddressInfo).port, host.port].map((port) => `/ip4/127.0.0.1/tcp/${port}/ws`)
      const stream = await visitor.network.open({ key: host.identity.key, addresses }, '/shoal/echo/1')
      expect(await stream.read()).toEqual(Uint8Array.of(1))
    } finally {
      await world.close()
      for (const socket of sockets) socket.destroy()
      silent.close()
    }
  })

  it('dials one address beside what the queue of libp2p is busy with', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const world = await makeWorld()
    const host = await world.host()
    const node = await bareNode()
    try {
      const name = host.node.peerId.toString()
      const stop = new AbortController()
      const stuck = node.dial(multiaddr(`/ip4/127.0.0.1/tcp/${(silent.address() as AddressInfo).port}/ws/p2p/${name}`), { signal: stop.signal })
      const direct = multiaddr(`/ip4/127.0.0.1/tcp/${host.port}/ws/p2p/${name}`)
      const { remotePeer } = await node.services.dialler.dial(direct, { signal: world.signal })
      expect(remotePeer.toString()).toBe(name)
      expect(node.getConnections(host.node.peerId)).toHaveLength(1)
      stop.abort()
      await expect(stuck).rejects.toThrow()
    } finally {
      await node.stop()
      await world.close()
      for (const socket of sockets) socket.destroy()
      silent.close()
    }
  })
})
