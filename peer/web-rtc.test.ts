import type { MultiaddrConnection, Upgrader } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { refusingDead } from './web-rtc.ts'

/** The part of libp2p that makes connections of what transports bring; it keeps those it got. */
function upgrader(): { readonly upgrader: Upgrader; readonly taken: unknown[] } {
  const taken: unknown[] = []
  const real = { upgradeInbound: (connection: unknown) => Promise.resolve(void taken.push(connection)) }
  return { upgrader: refusingDead(real as unknown as Upgrader), taken }
}

const options = { signal: AbortSignal.timeout(60_000) }
const incoming = (connectionState: string): MultiaddrConnection => ({ peerConnection: { connectionState } }) as unknown as MultiaddrConnection

test.each(['failed', 'closed'])('a connection that %s while it was being signalled never counts as one', async (state) => {
  const made = upgrader()
  await expect(made.upgrader.upgradeInbound(incoming(state), options)).rejects.toThrow(`the connection ${state}`)
  expect(made.taken).toEqual([])
})

test.each(['connecting', 'connected'])('one that is %s goes on', async (state) => {
  const made = upgrader()
  const connection = incoming(state)
  await made.upgrader.upgradeInbound(connection, options)
  expect(made.taken).toEqual([connection])
})
