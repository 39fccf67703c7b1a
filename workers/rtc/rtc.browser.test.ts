import { transfer, wrap, type Remote } from 'comlink'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cdp } from 'vitest/browser'
import type { RtcBench } from '../testkit/rtc-bench-worker.ts'
import { serveRtc } from './page-end.ts'

function collectGarbage(): Promise<void> {
  return (cdp() as unknown as { send(method: string): Promise<void> }).send('HeapProfiler.collectGarbage')
}

describe('the RTC bridge', () => {
  let worker: Worker
  let bench: Remote<RtcBench>
  let close: () => void
  const made: RTCPeerConnection[] = []

  beforeEach(async () => {
    const { port1, port2 } = new MessageChannel()
    class Counted extends RTCPeerConnection {
      constructor(configuration: RTCConfiguration) {
        super(configuration)
        made.push(this)
      }
    }
    close = serveRtc(port1, Counted)
    worker = new Worker(new URL('../testkit/rtc-bench-worker.ts', import.meta.url), { type: 'module' })
    bench = wrap<RtcBench>(worker)
    await bench.install(transfer(port2, [port2]))
  })

  afterEach(() => {
    close()
    worker.terminate()
    made.length = 0
  })

  it('carries channels of both sides into the worker, with messages whole and in order', async () => {
    await bench.join(['a'])
    expect(await bench.send(64, 64 * 1024)).toBe(64 * 64 * 1024)
  })

  it('opens several channels of one connection', async () => {
    await bench.join(['a', 'b', 'c'])
    expect(await bench.send(3, 1000)).toBe(3000)
  })

  it('says that a connection failed as soon as the other side closed it, while the browser still calls it connected', async () => {
    await bench.join(['a'])
    expect(await bench.closeOne()).toBe('failed')
    expect(made.map(({ connectionState }) => connectionState).sort()).toEqual(['closed', 'connected'])
  })

  it('fires close once for each connection that is closed, which libp2p waits for and browsers never do', async () => {
    await bench.join(['a'])
    expect(await bench.closeBoth()).toBe(2)
    await expect.poll(() => made.map(({ connectionState }) => connectionState)).toEqual(['closed', 'closed'])
  })

  it('keeps the channel init open until it is closed here, also when the other side was faster', async () => {
    await bench.join(['init'])
    expect(await bench.closeInitEarly()).toEqual({ before: 'open', after: 'closed' })
  })

  it('tells the worker that all connections failed when the page leaves', async () => {
    await bench.join(['a'])
    close()
    await expect.poll(() => bench.states()).toEqual(['failed', 'failed'])
  })

  // Chromium allows 500 per page, those included that were closed and not collected.
  it('goes on after more connections than a page may have at once: closed ones are not kept', async () => {
    for (let i = 0; i < 300; i++) {
      await bench.join(['a'])
      await bench.closeBoth()
      made.length = 0
      if (i % 50 === 49) await collectGarbage()
    }
    await bench.join(['a'])
    expect(await bench.send(1, 4)).toBe(4)
  }, 120_000)
})
