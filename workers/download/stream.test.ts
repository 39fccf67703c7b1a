import { describe, expect, it } from 'vitest'
import { readFile, readHead, serveFile, type FileSource } from './stream.ts'

const range = { start: 0, end: 8 }

describe('a stream whose server is slow or dead', () => {
  it('waits as long as there are signs of life', async () => {
    const { port1, port2 } = new MessageChannel()
    const slow: FileSource = {
      head: { name: 'a', type: '', size: 8 },
      async *read() {
        await new Promise((resolve) => setTimeout(resolve, 200))
        yield new Uint8Array(8)
      },
    }
    const served = serveFile(port2, slow, new AbortController().signal, 10)
    await readHead(port1, 1000)
    expect(await new Response(readFile(port1, range, { silenceMs: 100 })).arrayBuffer()).toHaveProperty('byteLength', 8)
    await served
  })

  it('breaks once there are none', async () => {
    const { port1, port2 } = new MessageChannel()
    await expect(new Response(readFile(port1, range, { silenceMs: 30 })).arrayBuffer()).rejects.toMatchObject({ kind: 'transient', code: 'download.lost' })
    port2.close()
  })

  it('moves parts rather than copying them, and copies a view so that its buffer stays', async () => {
    const { port1, port2 } = new MessageChannel()
    const moved = new Uint8Array(4)
    const around = new Uint8Array(100)
    const source: FileSource = {
      head: { name: 'a', type: '', size: 8 },
      async *read() {
        yield moved
        yield around.subarray(10, 14)
      },
    }
    const served = serveFile(port2, source, new AbortController().signal)
    await readHead(port1, 1000)
    await new Response(readFile(port1, range)).arrayBuffer()
    await served
    expect(moved.buffer.detached).toBe(true)
    expect(around.buffer.detached).toBe(false)
  })
})
