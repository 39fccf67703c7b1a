import { describe, expect, it } from 'vitest'
import { AppError } from '../../core/base/errors.ts'
import { FakeClock, settle } from '../../core/testkit/fake-clock.ts'
import { SeededRandom } from '../../core/testkit/seeded-random.ts'
import type { DownloadState } from '../contract.ts'
import { answerDownload, type ServeRequest, type Tab } from './answer.ts'
import { Downloads } from './downloads.ts'
import { patient } from './patience.ts'
import type { FileSource } from './stream.ts'

const content = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 12)) & 255)

/** The whole file as parts of 1.2 MB, all views of one buffer that others use as well. */
function sourceOf(name = 'a.bin', fail?: AppError): FileSource {
  return {
    head: { name, type: '', size: content.length },
    async *read({ start, end }, signal) {
      for (let at = start; at < end; at += 1_200_000) {
        signal.throwIfAborted()
        if (fail !== undefined && at > 0) throw fail
        yield content.subarray(at, Math.min(end, at + 1_200_000))
      }
    },
  }
}

function setUp(): { downloads: Downloads; clock: FakeClock; tab: Tab } {
  const clock = new FakeClock()
  const downloads = new Downloads({ clock, random: new SeededRandom(7) })
  const tab: Tab = {
    postMessage: (message, [port]) => {
      if (port instanceof MessagePort) void downloads.serve((message as ServeRequest).token, port)
    },
  }
  return { downloads, clock, tab }
}

const get = (url: string, tab: Tab, range?: string): Promise<Response> =>
  answerDownload(new Request(`http://localhost${url}`, range === undefined ? {} : { headers: { Range: range } }), [tab])

describe('downloads', () => {
  it('serve a file byte for byte, leave its buffer alone, and tell progress until it is done', async () => {
    const { downloads, tab } = setUp()
    const { url, token } = downloads.add(sourceOf())
    expect(downloads.owns(token)).toBe(true)
    const states: DownloadState[] = []
    const watched = downloads.watch(token, (state) => states.push(state))
    const response = await get(url, tab)
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(content)
    await watched
    expect(states[0]).toEqual({ kind: 'running', done: 0, size: content.length })
    expect(states.at(-1)).toEqual({ kind: 'done', size: content.length })
    expect(content.buffer.detached).toBe(false)
  })

  it('tell progress no more than four times a second', async () => {
    const { downloads, tab, clock } = setUp()
    const { url, token } = downloads.add(sourceOf())
    const states: DownloadState[] = []
    void downloads.watch(token, (state) => states.push(state))
    const reader = (await get(url, tab)).body?.getReader()
    await reader?.read()
    await reader?.read()
    const before = states.length
    clock.jump(clock.now() + 300)
    await reader?.read()
    await settle()
    expect(before).toBeLessThanOrEqual(2)
    expect(states.length).toBe(before + 1)
    await reader?.cancel()
  })

  it('say what went wrong, both to the page and to the browser', async () => {
    const { downloads, tab } = setUp()
    const { url, token } = downloads.add(sourceOf('a', new AppError('corrupt', 'chunk.damaged', 'bad', { data: { index: 7 } })))
    const states: DownloadState[] = []
    const watched = downloads.watch(token, (state) => states.push(state))
    await expect((await get(url, tab)).arrayBuffer()).rejects.toMatchObject({ code: 'chunk.damaged' })
    await watched
    expect(states.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'chunk.damaged', data: { index: 7 } } })
  })

  it('wait for hosts that are away, say so, and go on where they were', async () => {
    const { downloads, tab, clock } = setUp()
    let away = 2
    const whole = sourceOf()
    const source: FileSource = {
      head: whole.head,
      async *read(range, signal) {
        for await (const part of whole.read(range, signal)) {
          if (range.start === 0) yield part
          else if (away-- > 0) throw new AppError('transient', 'chunk.too-few', 'away', { data: { found: 7 } })
          else yield part
          if (range.start === 0) throw new AppError('transient', 'chunk.too-few', 'away', { data: { found: 8 } })
        }
      },
    }
    const { url, token } = downloads.add(patient(source, clock))
    const states: DownloadState[] = []
    const watched = downloads.watch(token, (state) => states.push(state))
    const arriving = (await get(url, tab)).arrayBuffer()
    for (let i = 0; i < 10; i++) await clock.advance(1600)
    expect(new Uint8Array(await arriving)).toEqual(content)
    await watched
    const problems = states.flatMap((state) => (state.kind === 'running' && state.problem !== undefined ? [state.problem.data['found']] : []))
    expect(problems).toEqual([8, 7, 7])
    expect(states.at(-1)).toEqual({ kind: 'done', size: content.length })
  })

  it('go on, in parts, after the browser stopped one', async () => {
    const { downloads, tab } = setUp()
    const { url, token } = downloads.add(sourceOf())
    const states: DownloadState[] = []
    const watched = downloads.watch(token, (state) => states.push(state))
    const reader = (await get(url, tab)).body?.getReader()
    await reader?.read()
    await reader?.cancel()
    await watched
    expect(states.at(-1)).toMatchObject({ kind: 'failed', error: { kind: 'aborted' } })
    const rest = await get(url, tab, 'bytes=1000000-')
    expect(new Uint8Array(await rest.arrayBuffer())).toEqual(content.slice(1_000_000))
    await settle()
    const later: DownloadState[] = []
    await downloads.watch(token, (state) => later.push(state))
    expect(later).toEqual([{ kind: 'done', size: content.length }])
  })

  it('end when they are cancelled, and are forgotten', async () => {
    const { downloads, tab } = setUp()
    const { url, token } = downloads.add(sourceOf())
    const response = await get(url, tab)
    downloads.cancel(token)
    await expect(response.arrayBuffer()).rejects.toMatchObject({ kind: 'aborted' })
    expect(downloads.owns(token)).toBe(false)
    expect((await get(url, tab)).status).toBe(404)
    await expect(downloads.watch(token, () => {})).rejects.toMatchObject({ kind: 'absent' })
  })

  it('fail when the browser never asks for the file', async () => {
    const { downloads, clock } = setUp()
    const { token } = downloads.add(sourceOf())
    const states: DownloadState[] = []
    const watched = downloads.watch(token, (state) => states.push(state))
    await clock.advance(30_000)
    await watched
    expect(states.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'download.unasked' } })
  })

  it('have paths that stay below /s/, whatever the file is called', () => {
    const { downloads } = setUp()
    for (const name of ['a/b', '..', '.', '🐟 "x".txt', 'per%cent', '\ud800']) {
      const { url, token } = downloads.add(sourceOf(name))
      const { pathname } = new URL(url, 'http://localhost')
      expect(pathname.startsWith(`/s/${token}/`)).toBe(true)
      expect(pathname.split('/')).toHaveLength(4)
    }
  })

  it('are forgotten, oldest first, when there are more than anybody watches', () => {
    const { downloads } = setUp()
    const tokens = Array.from({ length: 65 }, () => downloads.add(sourceOf()).token)
    expect(tokens.map((token) => downloads.owns(token))).toEqual([false, ...Array.from({ length: 64 }, () => true)])
    downloads.close()
    expect(tokens.some((token) => downloads.owns(token))).toBe(false)
  })
})
