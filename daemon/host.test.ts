import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toHex } from '../core/base/bytes.ts'
import { identityOf, peerIdOf, privateKeyFromSeed } from '../peer/identity.ts'
import { bareNode, log, pingAt, pingOver, startTestRelay, until } from '../peer/test-world.ts'
import { nodeWebRtc } from '../peer/node-web-rtc.ts'
import { webSocketAddress } from '../peer/relay-info.ts'

interface Child {
  readonly process: ChildProcess
  /** The first line on stdout. */
  readonly news: Record<string, unknown>
  /** All lines on stdout, and the exit code. */
  readonly ended: Promise<{ readonly code: number | null; readonly lines: readonly string[] }>
}

/** Starts a host as the supervisor does, and waits for its first line. */
async function start(args: readonly string[]): Promise<Child> {
  const child = spawn(process.execPath, ['daemon/host.ts', ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  const first = new Promise<string>((resolve, reject) => {
    reader.once('line', resolve)
    reader.once('close', () => reject(new RangeError('it said nothing')))
  })
  reader.on('line', (line) => lines.push(line))
  const ended = new Promise<{ code: number | null; lines: string[] }>((resolve) => child.once('close', (code) => resolve({ code, lines })))
  return { process: child, news: JSON.parse(await first) as Record<string, unknown>, ended }
}

describe('the host process', () => {
  let folder: string
  let data: string
  let host: Child

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shoal-host-'))
    data = join(folder, 'new', 'data')
    host = await start(['--data', data, '--space', '100MB'])
  })
  afterAll(async () => {
    host.process.kill('SIGKILL')
    await host.ended
    await rm(folder, { recursive: true })
  })

  it('says in one line that it is ready, where, and who it is: the owner of the key in its folder', async () => {
    expect(host.news).toEqual({ ready: true, port: expect.any(Number) as number, peer: expect.stringMatching(/^[0-9a-f]{64}$/) as string })
    const seed = await readFile(join(data, 'key'))
    expect(identityOf(await privateKeyFromSeed(seed)).key).toBe(host.news['peer'])
    expect((await stat(join(data, 'key'))).mode & 0o077).toBe(0)
    expect((await stat(data)).mode & 0o077).toBe(0)
  })

  it('answers at the port that it named, as the peer that it named', async () => {
    const name = peerIdOf(String(host.news['peer'])).toString()
    expect(await pingAt(`/ip4/127.0.0.1/tcp/${String(host.news['port'])}/ws/p2p/${name}`)).toBeGreaterThanOrEqual(0)
  })

  it('says in one sentence what a person can mend, and ends with 1', async () => {
    const failing = async (args: readonly string[], sentence: RegExp) => {
      const child = await start(args)
      const { code, lines } = await child.ended
      expect(child.news).toEqual({ error: expect.stringMatching(sentence) as string })
      expect(lines).toHaveLength(1)
      expect(code).toBe(1)
    }
    await writeFile(join(folder, 'file'), '')
    await mkdir(join(folder, 'damaged'))
    await writeFile(join(folder, 'damaged', 'key'), 'short')
    const other = ['--data', join(folder, 'other')]
    await failing(['--data', data, '--space', '1GB'], /^The folder \S+ is used by another host\.$/)
    await failing(['--data', join(folder, 'file', 'data'), '--space', '1GB'], /^The folder \S+ cannot be used\.$/)
    await failing(['--data', join(folder, 'damaged'), '--space', '1GB'], /^the key file \S+ is damaged\.$/i)
    await failing([...other, '--space', 'much'], /^--space must be a size [^.]*"much"\.$/)
    await failing([...other, '--space', '1GB', '--relay', 'a b'], /^--relay must be an address .*"a b"\.$/)
    await failing([...other, '--space', '1GB', '--spice', '1'], /^Unknown option '--spice'\.$/)
    await failing([...other, '--space', '1GB', '--port', String(host.news['port'])], /^[^.]*port[^.]*\.$/i)
    expect(toHex(await readFile(join(folder, 'damaged', 'key')))).toBe(toHex(Buffer.from('short')))
  })

  it('leaves with 0 when its stdin ends or it is told to, and comes back as the same peer at the same port, also after SIGKILL', async () => {
    const args = ['--data', join(folder, 'again'), '--space', '100MB']
    const first = await start(args)
    first.process.stdin?.end()
    expect(await first.ended).toMatchObject({ code: 0, lines: [expect.any(String)] })
    const second = await start(args)
    expect(second.news).toEqual(first.news)
    second.process.kill('SIGKILL')
    await second.ended
    const third = await start(args)
    expect(third.news).toEqual(first.news)
    third.process.kill('SIGTERM')
    expect((await third.ended).code).toBe(0)
  })

  it('is reached over WebRTC through its relay, and leaves with 0 while such a connection is open', async () => {
    const relay = await startTestRelay()
    const child = await start(['--data', join(folder, 'webrtc'), '--space', '100MB', '--relay', relay.url])
    const webRtc = await nodeWebRtc(log)
    if (webRtc === undefined) throw new Error('this machine has no WebRTC')
    const visitor = await bareNode({ transports: [webRtc(() => Promise.resolve([]))], without: `/ip4/127.0.0.1/tcp/${String(child.news['port'])}/` })
    try {
      const peer = peerIdOf(String(child.news['peer']))
      await until(() => relay.peer.node.services.relay.reservations.has(peer))
      const address = `${webSocketAddress('127.0.0.1', relay.port)}/p2p/${relay.peer.peer}/p2p-circuit/webrtc/p2p/${peer.toString()}`
      expect(await pingOver(visitor, address)).toBeGreaterThanOrEqual(0)
      child.process.kill('SIGTERM')
      expect((await child.ended).code).toBe(0)
    } finally {
      child.process.kill('SIGKILL')
      await visitor.stop()
      await relay.stop()
    }
  })
})
