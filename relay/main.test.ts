import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { originAddress, parseRelayInfo } from '../peer/relay-info.ts'
import { pingAt } from '../peer/test-world.ts'
import { CONTENT_SECURITY_POLICY } from './http.ts'

interface Child {
  readonly process: ChildProcess
  readonly news: Record<string, unknown>
  readonly ended: Promise<number | null>
}

/** Starts the relay as the supervisor does, and waits for its first line. */
async function start(args: readonly string[], stdin: 'pipe' | 'ignore' = 'pipe'): Promise<Child> {
  const child = spawn(process.execPath, ['relay/main.ts', ...args], { stdio: [stdin, 'pipe', 'inherit'] })
  const { stdout } = child
  if (stdout === null) throw new RangeError('no stdout')
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const line = new Promise<string>((resolve) => createInterface({ input: stdout }).once('line', resolve))
  return { process: child, news: JSON.parse(await line) as Record<string, unknown>, ended }
}

describe('the relay process', () => {
  let folder: string
  let relay: Child
  let url: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shoal-relay-'))
    const dist = join(folder, 'dist')
    await mkdir(join(dist, 'assets'), { recursive: true })
    await writeFile(join(dist, 'index.html'), '<h1>Shoal</h1>')
    await writeFile(join(dist, 'sw.js'), '//')
    await writeFile(join(dist, 'assets', 'index-Bx1_9a-Z.js'), 'export {}')
    await writeFile(join(dist, '.secret'), 'no')
    await writeFile(join(folder, 'outside.txt'), 'no')
    await symlink(join(folder, 'outside.txt'), join(dist, 'link.txt'))
    relay = await start(['--port', '0', '--data', join(folder, 'data'), '--static', dist])
    url = `http://127.0.0.1:${String(relay.news['port'])}`
  })
  afterAll(async () => {
    relay.process.stdin?.end()
    expect(await relay.ended).toBe(0)
    await rm(folder, { recursive: true })
  })

  it('says in one line that it is ready, where, and who it is', () => {
    expect(relay.news).toEqual({ ready: true, port: expect.any(Number) as number, peer: expect.stringMatching(/^12D3Koo/) as string })
  })

  it('tells anybody its addresses as they reached it', async () => {
    const response = await fetch(`${url}/relay.json`, { headers: { Origin: 'https://elsewhere.example' } })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    const info = parseRelayInfo(await response.json())
    expect(info.peer).toBe(relay.news['peer'])
    expect(info.addresses).toEqual([`${originAddress(url)}/p2p/${info.peer}`])
    expect(info.stun).toEqual([`stun:${url.slice('http://'.length)}`])
    const named = parseRelayInfo(JSON.parse(await raw('GET /relay.json HTTP/1.1', 'Host: [::1]:99')))
    expect(named.addresses[0]).toBe(`/ip6/::1/tcp/99/ws/p2p/${info.peer}`)
    expect(parseRelayInfo(JSON.parse(await raw('GET /relay.json HTTP/1.1', 'Host: a b'))).addresses).toEqual(info.addresses)
  })

  it('names further relays and TURN servers to whoever asks, each with credentials of their own', async () => {
    const turn = ['--turn', 'turn:turn.example:3478', '--turn-secret', 's']
    const child = await start(['--port', '0', '--data', join(folder, 'turning'), '--also', '1', ...turn])
    const ask = async () => parseRelayInfo(await (await fetch(`http://127.0.0.1:${String(child.news['port'])}/relay.json`)).json())
    const [one, other] = await Promise.all([ask(), ask()])
    expect(one.relays).toEqual(['http://127.0.0.1:1'])
    expect(one.turn[0]).toMatchObject({ urls: ['turn:turn.example:3478'], username: expect.stringMatching(/^\d{10}:[0-9a-f]{16}$/) as string })
    expect(other.turn[0]?.credential).not.toBe(one.turn[0]?.credential)
    child.process.stdin?.end()
    expect(await child.ended).toBe(0)
  })

  it('takes libp2p WebSockets on the same port, and only at /', async () => {
    expect(await pingAt(`${originAddress(url)}/p2p/${String(relay.news['peer'])}`)).toBeGreaterThanOrEqual(0)
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']
    expect(await rawHead('GET /elsewhere HTTP/1.1', 'Host: x', ...upgrade)).toContain('404')
  })

  it('is well, and says so', async () => {
    const response = await fetch(`${url}/healthz`)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ ok: true })
  })

  it('serves the page with a strict policy, to be asked for again each time, and hashed files for ever', async () => {
    const page = await fetch(url)
    expect(await page.text()).toBe('<h1>Shoal</h1>')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toBe(CONTENT_SECURITY_POLICY)
    expect(CONTENT_SECURITY_POLICY).toContain("default-src 'none'")
    expect(CONTENT_SECURITY_POLICY).not.toMatch(/unsafe-inline|'unsafe-eval'|\*/)
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    expect(page.headers.get('referrer-policy')).toBe('no-referrer')
    expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(page.headers.get('cache-control')).toBe('no-cache')
    const again = await fetch(url, { headers: { 'If-None-Match': page.headers.get('etag')! } })
    expect(again.status).toBe(304)
    const compressed = await fetch(url, { headers: { 'If-None-Match': `"old", W/${page.headers.get('etag')!}` } })
    expect(compressed.status).toBe(304)
    expect((await fetch(`${url}/sw.js`)).headers.get('cache-control')).toBe('no-cache')
    const hashed = await fetch(`${url}/assets/index-Bx1_9a-Z.js`)
    expect(hashed.headers.get('cache-control')).toContain('immutable')
    expect(hashed.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(await hashed.text()).toBe('export {}')
  })

  it('has nothing to give but what the build holds, whatever is asked', async () => {
    for (const path of ['/s/anything', '/drive/x', '/assets', '/.secret', '/link.txt', '/outside.txt', '/nothing']) {
      expect((await fetch(`${url}${path}`)).status, path).toBe(404)
    }
    for (const path of ['/../outside.txt', '/assets/../../outside.txt', '/..%2foutside.txt', '/%2e%2e/outside.txt', '//etc/passwd', '/\\..\\outside.txt']) {
      expect(await rawHead(`GET ${path} HTTP/1.1`, 'Host: x'), path).toMatch(/^HTTP\/1.1 40[04]/)
    }
    expect(await rawHead('GET /%ff HTTP/1.1', 'Host: x')).toContain('400')
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405)
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, await head.text(), head.headers.get('content-length')]).toEqual([200, '', '14'])
  })

  it('says in one sentence what a person can mend, and ends with 1', async () => {
    const failing = async (args: readonly string[], sentence: RegExp) => {
      const child = await start(args)
      expect(child.news['error']).toMatch(sentence)
      expect(await child.ended).toBe(1)
    }
    await writeFile(join(folder, 'file'), '')
    await Promise.all([
      failing(['--port', String(relay.news['port']), '--data', join(folder, 'other')], /^Port \d+ is in use/),
      failing(['--port', '0', '--data', join(folder, 'data')], /is used by another relay\.$/),
      failing(['--port', '0', '--data', join(folder, 'file', 'data')], /cannot be written to\.$/),
      failing(['--port', '70000', '--data', join(folder, 'other')], /^--port must be a number/),
    ])
  })

  it('keeps its key, leaves on SIGTERM with 0, and starts again after SIGKILL', async () => {
    const args = ['--port', '0', '--data', join(folder, 'again')]
    const first = await start(args)
    first.process.kill('SIGTERM')
    expect(await first.ended).toBe(0)
    const second = await start(args)
    expect(second.news['peer']).toBe(first.news['peer'])
    second.process.kill('SIGKILL')
    await second.ended
    const third = await start(args)
    expect(third.news['peer']).toBe(first.news['peer'])
    third.process.stdin?.end()
    expect(await third.ended).toBe(0)
  })

  it('runs on without a supervisor, as under a service manager that gives it no stdin', async () => {
    const alone = await start(['--port', '0', '--data', join(folder, 'alone')], 'ignore')
    const well = await fetch(`http://127.0.0.1:${String(alone.news['port'])}/healthz`)
    expect(well.status).toBe(200)
    alone.process.kill('SIGTERM')
    expect(await alone.ended).toBe(0)
  })

  async function rawHead(...lines: string[]): Promise<string> {
    return (await answerTo(lines)).split('\r\n\r\n')[0]!
  }

  async function raw(...lines: string[]): Promise<string> {
    return (await answerTo(lines)).split('\r\n\r\n')[1]!
  }

  /** Sends a request as it stands: `fetch` would tidy it first. */
  function answerTo(lines: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(relay.news['port']), '127.0.0.1')
      let text = ''
      socket.setEncoding('utf8')
      socket.on('data', (part: string) => (text += part))
      socket.on('error', reject)
      socket.on('close', () => resolve(text))
      const close = lines.some((line) => line.startsWith('Connection')) ? [] : ['Connection: close']
      socket.write([...lines, ...close, '', ''].join('\r\n'))
    })
  }
})
