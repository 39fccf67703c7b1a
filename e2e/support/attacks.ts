import { expect } from '@playwright/test'
import type { Bytes } from '../../core/base/bytes.ts'
import type { ErrorKind } from '../../core/base/errors.ts'
import { loadBlake3 } from '../../core/merkle/blake3.ts'
import type { PeerHint } from '../../core/ports/network.ts'
import { MAX_DATA, PEER_STREAMS, WINDOW } from '../../core/swarm/limits.ts'
import { WIRE_KINDS, type Message } from '../../core/swarm/messages.ts'
import { SeededRandom } from '../../core/testkit/seeded-random.ts'
import { systemClock } from '../../peer/system.ts'
import { frames, type Attacker } from './attacker.ts'

/** What strangers do to hosts of any kind, and what they must get for it. */

const MIB = 2 ** 20
/** Streams of one protocol that libp2p lets one peer open. */
const MANY_STREAMS = 16
const FLOOD = 3000
/** What somebody slow rests after each frame, in ms. */
const REST = 50

type Join = () => Promise<Attacker>

const random = new SeededRandom(78)
export const blake3 = await loadBlake3()
const root = random.bytes(32)

/** An ERROR of the protocol, to match with. */
export function error(kind: ErrorKind, code: string, id: number): Record<string, unknown> {
  return { type: 'error', id, kind: WIRE_KINDS.indexOf(kind), code }
}

/** A PUT and its DATA. */
export function put(id: number, bytes: Bytes, as: Bytes = blake3.hash(bytes)): Message[] {
  const messages: Message[] = [{ type: 'put', id, root: as, size: bytes.length }]
  for (let at = 0; at < bytes.length; at += MAX_DATA) messages.push({ type: 'data', id, bytes: bytes.slice(at, at + MAX_DATA) })
  return messages
}

/** What a host says first on a new stream. */
export async function firstWord(attacker: Attacker, host: PeerHint): Promise<Message | null> {
  const peer = await attacker.knock(host)
  const message = await peer.next()
  await peer.stream.close()
  return message
}

/** Every OFFER of a flood has one answer; what is too much is refused by name. */
export async function floodWithOffers(join: Join, host: PeerHint): Promise<void> {
  const attacker = await join()
  const peer = await attacker.greet(host)
  const small = Array.from({ length: FLOOD }, (_, i): Message => ({ type: 'offer', id: i + 1, shards: [{ root, size: 2 * MIB }] }))
  const large = Array.from({ length: 256 }, () => ({ root: random.bytes(32), size: 2 * MIB }))
  const writing = peer.stream.write(frames([...small, ...Array.from({ length: 100 }, (_, i): Message => ({ type: 'offer', id: FLOOD + i + 1, shards: large }))]))
  const answered = new Set<number>()
  const codes = new Set<string>()
  while (answered.size < FLOOD + 100) {
    const message = await peer.next()
    if (message?.type !== 'verdicts' && message?.type !== 'error') throw new Error(`no answer to an OFFER: ${String(message?.type)}`)
    expect(answered.has(message.id)).toBe(false)
    answered.add(message.id)
    codes.add(message.type === 'error' ? message.code : message.type)
  }
  await writing
  for (const code of codes) expect(['verdicts', 'request.too-many', 'rate.limited']).toContain(code)
  expect(codes.size).toBeGreaterThan(1)
  await peer.stream.close()
  await attacker.leave()
}

/** Of many streams a host keeps four, says to the others that it is busy, and serves again once they have ended. */
export async function openManyStreams(join: Join, host: PeerHint): Promise<void> {
  const attacker = await join()
  const peers = await Promise.all(Array.from({ length: MANY_STREAMS }, () => attacker.knock(host)))
  const words = await Promise.all(peers.map((peer) => peer.next()))
  expect(words.filter((word) => word?.type === 'hello')).toHaveLength(PEER_STREAMS)
  for (const word of words) if (word?.type !== 'hello') expect(word).toMatchObject(error('transient', 'host.busy', 0))
  await Promise.all(peers.map((peer) => peer.stream.close()))
  await expect.poll(() => firstWord(attacker, host)).toMatchObject({ type: 'hello' })
  await attacker.leave()
}

/** Asks for much and reads nothing of it. The function returned reads at last what came: no more than the window. */
export async function neverRead(join: Join, host: PeerHint): Promise<() => Promise<void>> {
  const attacker = await join()
  const [greedy, deaf] = [await attacker.greet(host), await attacker.greet(host)]
  const bytes = random.bytes(WINDOW)
  await greedy.stream.write(frames(put(1, bytes)))
  await greedy.expect('ack')
  await greedy.stream.write(frames([2, 3, 4, 5].map((id): Message => ({ type: 'get', id, root: blake3.hash(bytes), offset: 0, length: 0 }))))
  const asking = deaf.stream.write(frames(Array.from({ length: FLOOD }, (_, i): Message => ({ type: 'has', id: i + 1, roots: [root] }))))
  const failing = asking.catch(() => undefined)
  return async () => {
    await greedy.sendBody(Uint8Array.of(0x77))
    const { messages } = await greedy.rest()
    const last = messages.at(-1)
    const taken = messages.reduce((sum, message) => sum + (message.type === 'data' ? message.bytes.length : 0), 0)
    expect(taken).toBe(WINDOW)
    // A minute without reading would have ended it already.
    expect(['frame.unknown', 'peer.stalled']).toContain(last?.type === 'error' ? last.code : last?.type)
    deaf.stream.abort(new Error('gone'))
    await failing
    await attacker.leave()
  }
}

/** Asks for four shards at once and takes a frame at a time, with a rest after each. The function returned waits until all of them arrived, whole. */
export async function readSlowly(join: Join, host: PeerHint): Promise<() => Promise<void>> {
  const attacker = await join()
  const peer = await attacker.greet(host)
  const bytes = random.bytes(WINDOW)
  const wanted = [2, 3, 4, 5]
  await peer.stream.write(frames(put(1, bytes)))
  await peer.expect('ack')
  await peer.stream.write(frames(wanted.map((id): Message => ({ type: 'get', id, root: blake3.hash(bytes), offset: 0, length: 0 }))))
  const reading = (async (): Promise<number> => {
    let taken = 0
    while (taken < wanted.length * bytes.length) {
      const { bytes: some } = await peer.expect('data')
      taken += some.length
      await systemClock.sleep(REST)
      await peer.send({ type: 'credit', bytes: some.length })
    }
    return taken
  })()
  return async () => {
    expect(await reading).toBe(wanted.length * bytes.length)
    await peer.stream.close()
    await attacker.leave()
  }
}
