import type { MultiaddrConnection, Upgrader } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { onceConnected } from './web-rtc.ts'

/** A connection below libp2p's, in the state that a test wants. */
class Incoming extends EventTarget {
  connectionState: string

  constructor(connectionState: string) {
    super()
    this.connectionState = connectionState
  }

  become(state: string): void {
    this.connectionState = state
    this.dispatchEvent(new Event('connectionstatechange'))
  }

  get wrapped(): MultiaddrConnection {
    return { peerConnection: this } as unknown as MultiaddrConnection
  }
}

const over = new AbortController()
const options = { signal: over.signal }

/** The part of libp2p that makes connections of what transports bring; it keeps those it got. */
function upgrader(): { readonly upgrade: (incoming: Incoming) => Promise<void>; readonly taken: unknown[] } {
  const taken: unknown[] = []
  const real = { upgradeInbound: (connection: unknown) => Promise.resolve(void taken.push(connection)) }
  const mended = onceConnected(real as unknown as Upgrader)
  return { upgrade: (incoming) => mended.upgradeInbound(incoming.wrapped, options), taken }
}

test.each(['failed', 'closed'])('a connection that %s while it was being signalled never counts as one', async (state) => {
  const { upgrade, taken } = upgrader()
  await expect(upgrade(new Incoming(state))).rejects.toThrow(`the connection ${state}`)
  const later = new Incoming('connecting')
  const upgraded = upgrade(later)
  later.become(state)
  await expect(upgraded).rejects.toThrow(`the connection ${state}`)
  expect(taken).toEqual([])
})

test('one that is still connecting counts once it is connected', async () => {
  const { upgrade, taken } = upgrader()
  const incoming = new Incoming('new')
  const upgraded = upgrade(incoming)
  incoming.become('connecting')
  await Promise.resolve()
  expect(taken).toEqual([])
  incoming.become('connected')
  await upgraded
  expect(taken).toHaveLength(1)
})

test('one of which nothing is heard is given up in time', async () => {
  const { upgrade, taken } = upgrader()
  const upgraded = upgrade(new Incoming('new'))
  over.abort()
  await expect(upgraded).rejects.toThrow('took too long')
  expect(taken).toEqual([])
})
