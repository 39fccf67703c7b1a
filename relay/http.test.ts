import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startHttp, type RelayHttp } from './http.ts'
import { StaticFiles } from './static.ts'

describe('the HTTP port of the relay', () => {
  let folder: string
  let http: RelayHttp
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shoal-http-'))
    await writeFile(join(folder, 'big.js'), new Uint8Array(32 * 1024 * 1024))
    const files = await StaticFiles.scan(folder)
    http = await startHttp('127.0.0.1', 0, { files, relayInfo: () => undefined, upgrade: () => undefined })
  })
  afterEach(async () => {
    await http.close()
    await rm(folder, { recursive: true })
  })

  /** Sends a request, resolves at the first bytes of the answer, and leaves its half of the connection open. */
  function ask(...lines: readonly string[]): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: http.port, host: '127.0.0.1', allowHalfOpen: true })
      socket.once('error', reject)
      socket.once('data', () => resolve(socket.pause()))
      socket.write([...lines, 'Host: x', '', ''].join('\r\n'))
    })
  }

  it('closes although somebody whose upgrade was refused never hangs up', async () => {
    const socket = await ask('GET /elsewhere HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket')
    await expect(http.close()).resolves.toBeUndefined()
    socket.destroy()
  })

  it('keeps pages, scripts and answers of all kinds apart from other sites, and only the service worker not: else a tab that crashes takes it along', async () => {
    const policy = async (path: string): Promise<string | null> => {
      const response = await fetch(`http://127.0.0.1:${http.port}${path}`, { method: 'HEAD' })
      return response.headers.get('Cross-Origin-Embedder-Policy')
    }
    for (const path of ['/', '/big.js', '/relay.json', '/nothing-here']) expect(await policy(path)).toBe('require-corp')
    expect(await policy('/service-worker.js')).toBeNull()
  })

  it.runIf(process.platform === 'linux')('lets go of a file when whoever asked for it goes away half-way', async () => {
    const open = async (): Promise<number> => {
      const numbers = await readdir('/proc/self/fd')
      const paths = await Promise.all(numbers.map((number) => readlink(`/proc/self/fd/${number}`).catch(() => '')))
      return paths.filter((path) => path === join(folder, 'big.js')).length
    }
    const socket = await ask('GET /big.js HTTP/1.1')
    expect(await open()).toBe(1)
    socket.destroy()
    await vi.waitFor(async () => expect(await open()).toBe(0))
  })
})
