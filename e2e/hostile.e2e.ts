import { expect, test } from '@playwright/test'
import { rm } from 'node:fs/promises'
import type { PeerHint } from '../core/ports/network.ts'
import { MAX_DATA, STRIKES } from '../core/swarm/limits.ts'
import type { Message } from '../core/swarm/messages.ts'
import type { RawPeer } from '../core/testkit/raw-peer.ts'
import { SeededRandom } from '../core/testkit/seeded-random.ts'
import { blake3, error, firstWord, floodWithOffers, neverRead, openManyStreams, put } from './support/attacks.ts'
import { Attacker, frames, portOf, tcpNoise, webSocketNoise } from './support/attacker.ts'
import { DiskBrowser, sha256 } from './support/browser.ts'
import { addFiles, connected, download, noCopies, stored } from './support/page.ts'
import { randomFile } from './support/real-files.ts'
import { newFolder, RunningShoal } from './support/shoal.ts'

const MIB = 2 ** 20
/** Small enough that a disk takes them slower than a network brings them, large enough that a window is full before too many are open. */
const OVERRUN_SHARD = 20 * 1024
/** Requests that a host takes of one stream at once. */
const OVERRUN_SHARDS = 1000

const random = new SeededRandom(77)
const root = random.bytes(32)

/** What ends a stream with ERROR id 0 and this code. */
const VIOLATIONS: readonly [code: string, commit: (peer: RawPeer) => Promise<void>][] = [
  ['frame.unknown', (peer) => peer.sendBody(Uint8Array.of(0x77, 1))],
  ['format.short', (peer) => peer.sendBody(Uint8Array.of(0x11, 1, 2, 3))],
  ['frame.oversized', (peer) => peer.stream.write(Uint8Array.of(0, 1, 0, 1))],
  ['frame.oversized', (peer) => peer.stream.write(new Uint8Array(MIB).fill(255))],
  ['frame.oversized', (peer) => peer.stream.write(new Uint8Array(4))],
  ['frame.unexpected', (peer) => peer.send({ type: 'ack', id: 1 })],
  ['data.unasked', (peer) => peer.send({ type: 'data', id: 9, bytes: Uint8Array.of(1) })],
  ['credit.excess', (peer) => peer.send({ type: 'credit', bytes: 1 })],
  ['request.reused', (peer) => peer.stream.write(frames([{ type: 'put', id: 1, root, size: 20 }, { type: 'get', id: 1, root, offset: 0, length: 0 }]))],
  ['data.interleaved', (peer) => peer.stream.write(frames([1, 2, 3].flatMap((id) => put(id, random.bytes(2 * MAX_DATA)).slice(0, 2))))],
  ['credit.overrun', overrun],
]

/** Sends shards all at once without ever waiting for credit. */
async function overrun(peer: RawPeer): Promise<void> {
  const shards = Array.from({ length: OVERRUN_SHARDS }, (_, i) => put(i + 1, random.bytes(OVERRUN_SHARD)))
  // It rejects when the host hangs up in the middle, which the answer explains.
  await peer.stream.write(frames(shards.flat())).catch(() => undefined)
}

async function expectCutOff(host: PeerHint, code: string, peer: RawPeer, commit: (peer: RawPeer) => Promise<void>): Promise<void> {
  const reading = peer.rest()
  await commit(peer)
  const { messages } = await reading
  expect(messages.at(-1), `${code} at ${host.key.slice(0, 8)}`).toMatchObject(error('invalid', code, 0))
  await peer.stream.close()
}

/** Each violation ends its stream with its own code; after three of them the host does not listen to that peer for a while. */
async function breakTheProtocol(relay: string, hosts: readonly PeerHint[]): Promise<void> {
  for (let at = 0; at < VIOLATIONS.length; at += STRIKES) {
    const attacker = await Attacker.join(relay)
    const few = VIOLATIONS.slice(at, at + STRIKES)
    await Promise.all(
      hosts.map(async (host) => {
        for (const [code, commit] of few) await expectCutOff(host, code, await attacker.greet(host), commit)
        if (few.length < STRIKES) return
        await expect.poll(() => firstWord(attacker, host)).toMatchObject(error('denied', 'peer.refused', 0))
      }),
    )
    await attacker.leave()
  }
}

/** What is refused by name on a stream that goes on: the last PUT, which is right, is kept. */
async function askForTooMuch(relay: string, host: PeerHint): Promise<void> {
  const attacker = await Attacker.join(relay)
  await expect(attacker.knock(host, '/shoal/shard/2')).rejects.toMatchObject({ kind: 'transient', code: 'peer.protocol' })

  const reader = await attacker.greet(host, 'reader')
  await reader.stream.write(frames(put(1, random.bytes(100))))
  expect(await reader.next()).toMatchObject(error('denied', 'tenant.required', 1))
  await reader.stream.close()

  const peer = await attacker.greet(host)
  const bytes = random.bytes(100_000)
  const ask = async (messages: Message[]): Promise<Message | null> => {
    await peer.stream.write(frames(messages))
    return peer.next()
  }
  expect(await ask(put(1, bytes, root))).toMatchObject(error('corrupt', 'shard.wrong-root', 1))
  expect(await ask([{ type: 'get', id: 2, root: blake3.hash(bytes), offset: 0, length: 0 }])).toMatchObject(error('absent', 'shard.absent', 2))
  expect(await ask([{ type: 'commit', id: 3, roots: [root] }])).toMatchObject(error('absent', 'shard.absent', 3))
  expect(await ask([{ type: 'commit', id: 4, roots: [root, root] }])).toMatchObject(error('invalid', 'request.duplicate', 4))
  expect(await ask([{ type: 'renew', id: 5, lease: new Uint8Array(16) }])).toMatchObject({ type: 'error', id: 5 })
  const object: Message = { type: 'putObject', id: 6, name: root, record: random.bytes(4096), size: 1 }
  expect(await ask([object, { type: 'data', id: 6, bytes: Uint8Array.of(1) }])).toMatchObject(error('invalid', 'record.malformed', 6))
  expect(await ask(put(7, bytes))).toEqual({ type: 'ack', id: 7 })
  await peer.stream.close()
  await attacker.leave()
}

/** Bytes that are no HTTP, no WebSocket, no libp2p: whoever sends them is hung up on. */
async function makeNoise(port: number): Promise<void> {
  await Promise.all([random.bytes(MIB), new Uint8Array(8 * MIB), random.bytes(1)].flatMap((bytes) => [tcpNoise(port, bytes), webSocketNoise(port, bytes)]))
}

test('hosts refuse all that strangers do wrong, stay up, and meanwhile keep and give the files of a page', async () => {
  const shoal = await RunningShoal.start({ hosts: 2 })
  const folder = await newFolder()
  const browser = await DiskBrowser.fresh()
  try {
    const page = await browser.open(shoal.url)
    await connected(page, 2)
    await noCopies(page)
    const pids = (await shoal.processes()).sort()
    expect(pids).toHaveLength(3)
    const scout = await Attacker.join(shoal.url)
    const hosts = await scout.findHosts(2)
    await scout.leave()

    const noise = Promise.all([shoal.port, ...hosts.map(portOf)].map(makeNoise))
    const attack = async (): Promise<void> => {
      const reads = await Promise.all(hosts.map((host) => neverRead(() => Attacker.join(shoal.url), host)))
      await breakTheProtocol(shoal.url, hosts)
      for (const host of hosts) {
        await askForTooMuch(shoal.url, host)
        await floodWithOffers(() => Attacker.join(shoal.url), host)
        await openManyStreams(() => Attacker.join(shoal.url), host)
      }
      for (const read of reads) await read()
    }
    const store = async (name: string): Promise<string> => {
      const file = await randomFile(folder, name, 8 * MIB)
      await addFiles(page, [file])
      await stored(page, name, 60_000)
      return sha256(file)
    }
    const [meanwhile] = await Promise.all([store('meanwhile.bin'), attack()])
    const afterwards = await store('afterwards.bin')
    await noise
    expect((await shoal.processes()).sort()).toEqual(pids)
    expect(await sha256(await download(page, 'Download meanwhile.bin'))).toBe(meanwhile)
    expect(await sha256(await download(page, 'Download afterwards.bin'))).toBe(afterwards)
    expect((await shoal.stop()).stderr).not.toContain('nobody handled')
  } finally {
    await browser.close()
    await shoal.clean()
    await rm(folder, { recursive: true })
  }
})
