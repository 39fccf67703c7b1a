import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ByteStream } from '../core/ports/network.ts'
import type { HostPeer } from './host.ts'
import { READ_HIGH_WATER } from './byte-stream.ts'
import { systemClock } from './system.ts'
import { makeWorld, until, type World } from './test-world.ts'

const PROTOCOL = '/shoal/sink/1'
const PART = new Uint8Array(65_536)
/** What a stopped reader and a writer may hold between them: our buffer, yamux's largest window, one part on its way at either end. */
const MOST_IN_FLIGHT = READ_HIGH_WATER + 2 * 1024 * 1024 + 4 * PART.length

describe('a stream whose reader is slow', () => {
  let world: World
  let host: HostPeer
  let accepted: ((stream: ByteStream) => void) | undefined

  beforeAll(async () => {
    world = await makeWorld()
    host = await world.host()
    const handler = (stream: ByteStream) => {
      accepted?.(stream)
      return Promise.resolve()
    }
    await host.network.handle(PROTOCOL, handler, world.signal)
  })
  afterAll(() => world.close())

  async function pair(): Promise<[ours: ByteStream, theirs: ByteStream]> {
    const client = await world.client()
    const theirs = new Promise<ByteStream>((resolve) => (accepted = resolve))
    const addresses = [`/ip4/127.0.0.1/tcp/${host.port}/ws`]
    return [await client.network.open({ key: host.identity.key, addresses }, PROTOCOL), await theirs]
  }

  it('stops the writer before memory grows, loses nothing, and does so every time', async () => {
    const [ours, theirs] = await pair()
    let written = 0
    let read = 0
    const total = 20 * 1024 * 1024
    const writing = (async () => {
      for (; written < total; written += PART.length) await ours.write(PART)
      await ours.close()
    })()
    // Twice, because waiting once and never again is how the library's own `onDrain` behaves.
    for (let pause = 0; pause < 2; pause++) {
      let before = -1
      while (before !== written) {
        before = written
        await systemClock.sleep(150)
      }
      expect(written).toBeLessThan(total)
      expect(written - read).toBeLessThanOrEqual(MOST_IN_FLIGHT)
      const goal = read + 5 * 1024 * 1024
      while (read < goal) read += (await theirs.read())?.length ?? 0
    }
    for (let part = await theirs.read(); part !== null; part = await theirs.read()) read += part.length
    await writing
    expect(read).toBe(total)
  })

  it('is a lost stream on the other side when one side breaks it, for a reader and for a writer that waits', async () => {
    const [ours, theirs] = await pair()
    const waiting = (async () => {
      for (;;) await ours.write(PART)
    })()
    const outcome = waiting.catch((error: unknown) => error)
    await theirs.read()
    theirs.abort(new Error('the host has had enough'))
    expect(await outcome).toMatchObject({ kind: 'transient', code: 'stream.lost' })
    await expect(theirs.read()).rejects.toMatchObject({ code: 'stream.lost' })
    await expect(ours.write(PART)).rejects.toMatchObject({ code: 'stream.lost' })
  })

  it('is a lost stream, not an ended one, when the connection goes down', async () => {
    const [ours, theirs] = await pair()
    await ours.write(Uint8Array.of(1))
    expect(await theirs.read()).toEqual(Uint8Array.of(1))
    const reading = theirs.read().catch((error: unknown) => error)
    for (const connection of host.node.getConnections()) connection.abort(new Error('a cable was pulled'))
    expect(await reading).toMatchObject({ kind: 'transient', code: 'stream.lost' })
  })

  it('what came before the end is read to the end', async () => {
    const [ours, theirs] = await pair()
    await ours.write(PART)
    await ours.close()
    await until(() => true)
    let read = 0
    for (let part = await theirs.read(); part !== null; part = await theirs.read()) read += part.length
    expect(read).toBe(PART.length)
    expect(await theirs.read()).toBeNull()
  })
})
