import { describe, expect, it } from 'vitest'
import { AppError } from '../../core/base/errors.ts'
import { answerDownload, type ServeRequest, type Tab } from './answer.ts'
import type { ByteRange } from './http.ts'
import { serveFile, serveNothing, type FileSource } from './stream.ts'

const token = 'ab'.repeat(16)
const content = Uint8Array.from({ length: 1000 }, (_, i) => i & 255)
const url = `http://localhost/s/${token}/file.bin`

/** A file that is handed out in parts of 64 bytes, and remembers what was asked of it. */
class TestFile implements FileSource {
  readonly head = { name: 'file.bin', type: 'image/png', size: content.length }
  readonly served: Promise<void>[] = []
  readonly cancel = new AbortController()
  parts = 0
  ended = 0
  failAfter = Number.POSITIVE_INFINITY
  stopAfter = Number.POSITIVE_INFINITY
  wait: Promise<void> = Promise.resolve()

  async *read(range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array> {
    try {
      for (let at = range.start; at < range.end; at += 64) {
        if (this.parts >= this.failAfter) throw new AppError('transient', 'chunk.too-few', 'hosts left', { data: { found: 7 } })
        if (this.parts >= this.stopAfter) return
        await this.wait
        signal.throwIfAborted()
        this.parts++
        yield content.slice(at, Math.min(at + 64, range.end))
      }
    } finally {
      this.ended++
    }
  }

  tab(): Tab {
    return {
      postMessage: (message, [port]) => {
        const { token: asked } = message as ServeRequest
        if (!(port instanceof MessagePort)) throw new TypeError('no port')
        if (asked === token) this.served.push(serveFile(port, this, this.cancel.signal, 10))
        else serveNothing(port)
      },
    }
  }
}

const stranger: Tab = {
  postMessage: (_message, [port]) => {
    if (port instanceof MessagePort) serveNothing(port)
  },
}

const silent: Tab = { postMessage() {} }

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer())
}

describe('a download', () => {
  it('is answered whole, by whichever tab has it', async () => {
    const file = new TestFile()
    const response = await answerDownload(new Request(url), [stranger, file.tab(), stranger])
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Length')).toBe('1000')
    expect(response.headers.get('Content-Type')).toBe('image/png')
    expect(response.headers.get('Accept-Ranges')).toBe('bytes')
    expect(await bytesOf(response)).toEqual(content)
    await Promise.all(file.served)
    expect(file.ended).toBe(1)
  })

  it('is answered in the part that was asked for', async () => {
    const file = new TestFile()
    const response = await answerDownload(new Request(url, { headers: { Range: 'bytes=100-299' } }), [file.tab()])
    expect(response.status).toBe(206)
    expect(response.headers.get('Content-Range')).toBe('bytes 100-299/1000')
    expect(response.headers.get('Content-Length')).toBe('200')
    expect(await bytesOf(response)).toEqual(content.slice(100, 300))
  })

  it('goes on from where it broke off only when it is still the same file', async () => {
    const file = new TestFile()
    const resume = (etag: string): Promise<Response> =>
      answerDownload(new Request(url, { headers: { Range: 'bytes=900-', 'If-Range': etag } }), [file.tab()])
    const same = await resume(`"${token}"`)
    expect(same.status).toBe(206)
    expect(await bytesOf(same)).toEqual(content.slice(900))
    const other = await resume('"other"')
    expect(other.status).toBe(200)
    await other.body?.cancel()
  })

  it('refuses parts that do not exist, other methods and other paths', async () => {
    const file = new TestFile()
    const outside = await answerDownload(new Request(url, { headers: { Range: 'bytes=1000-' } }), [file.tab()])
    expect(outside.status).toBe(416)
    expect(outside.headers.get('Content-Range')).toBe('bytes */1000')
    await Promise.all(file.served)
    expect((await answerDownload(new Request(url, { method: 'POST' }), [file.tab()])).status).toBe(405)
    for (const path of ['/s/', '/s/short/x', `/s/${token}`, `/s/${token}/a/b`]) {
      expect((await answerDownload(new Request(`http://localhost${path}`), [file.tab()])).status).toBe(404)
    }
    expect(file.parts).toBe(0)
  })

  it('answers HEAD without reading', async () => {
    const file = new TestFile()
    const response = await answerDownload(new Request(url, { method: 'HEAD' }), [file.tab()])
    expect(response.headers.get('Content-Length')).toBe('1000')
    expect(await bytesOf(response)).toHaveLength(0)
    await Promise.all(file.served)
    expect(file.parts).toBe(0)
  })

  it('is not found when no tab has it, and timed out when none answers', async () => {
    expect((await answerDownload(new Request(url), [])).status).toBe(404)
    expect((await answerDownload(new Request(url), [stranger])).status).toBe(404)
    expect((await answerDownload(new Request(url), [stranger, silent], 20)).status).toBe(504)
  })
})

describe('the stream of a download', () => {
  it('reads no further ahead than its reader', async () => {
    const file = new TestFile()
    const response = await answerDownload(new Request(url), [file.tab()])
    const reader = response.body?.getReader()
    await reader?.read()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(file.parts).toBeLessThanOrEqual(3)
    await reader?.cancel()
    await Promise.all(file.served)
    expect(file.ended).toBe(1)
  })

  it('breaks, with the reason, when the file fails in the middle', async () => {
    const file = new TestFile()
    file.failAfter = 5
    const response = await answerDownload(new Request(url), [file.tab()])
    await expect(response.arrayBuffer()).rejects.toMatchObject({ code: 'chunk.too-few', data: { found: 7 } })
    await Promise.all(file.served)
  })

  it('breaks when the file ends early, rather than look whole', async () => {
    const file = new TestFile()
    file.stopAfter = 5
    const response = await answerDownload(new Request(url), [file.tab()])
    await expect(response.arrayBuffer()).rejects.toMatchObject({ code: 'download.length' })
  })

  it('breaks when the download is cancelled where it is served', async () => {
    const file = new TestFile()
    const response = await answerDownload(new Request(url), [file.tab()])
    const reader = response.body?.getReader()
    await reader?.read()
    file.cancel.abort()
    const rest = async (): Promise<void> => {
      while ((await reader?.read())?.done === false);
    }
    await expect(rest()).rejects.toMatchObject({ kind: 'aborted' })
    await Promise.all(file.served)
  })
})
