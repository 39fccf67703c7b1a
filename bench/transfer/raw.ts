import type { Page } from '@playwright/test'

/** What the reference sends: `count` messages of `size` bytes, with at most `window` of them sent and not yet acknowledged. */
export interface Load {
  readonly count: number
  readonly size: number
  readonly window: number
}

interface Ends {
  connection: RTCPeerConnection
  channel?: RTCDataChannel
}
/** `kept`: connections that are open for their own sake; unreferenced ones would be collected. */
type Scope = typeof globalThis & { raw: Ends; kept?: RTCPeerConnection[] }

/** Joins two pages of different browsers by one plain data channel, with nothing of Shoal in between. */
export async function joinPlain(from: Page, to: Page): Promise<void> {
  const offer = await from.evaluate(makeOffer)
  const answer = await to.evaluate(takeOffer, offer)
  await from.evaluate(takeAnswer, answer)
  for (const page of [from, to]) {
    await page.evaluate(() => {
      const scope = globalThis as Scope
      ;(scope.kept ??= []).push(scope.raw.connection)
    })
  }
}

/** How many of a page's plain connections are connected. */
export function plainLinks(page: Page): Promise<number> {
  return page.evaluate(() => ((globalThis as Scope).kept ?? []).filter(({ connectionState }) => connectionState === 'connected').length)
}

/** Bytes per second of one plain data channel between two pages of different browsers, with nothing of Shoal in between. */
export async function rawRate(from: Page, to: Page, load: Load): Promise<number> {
  await joinPlain(from, to)
  await to.evaluate(receive, load.window)
  const milliseconds = await from.evaluate(send, load)
  for (const page of [from, to]) await page.evaluate(() => (globalThis as Scope).kept?.splice(0).forEach((connection) => connection.close()))
  return (load.count * load.size * 1000) / milliseconds
}

// What follows runs in the pages, so each function stands for itself.

async function makeOffer(): Promise<string> {
  const connection = new RTCPeerConnection()
  const channel = connection.createDataChannel('raw')
  ;(globalThis as Scope).raw = { connection, channel }
  await connection.setLocalDescription()
  while (connection.iceGatheringState !== 'complete') await new Promise((resolve) => connection.addEventListener('icegatheringstatechange', resolve, { once: true }))
  return connection.localDescription!.sdp
}

async function takeOffer(sdp: string): Promise<string> {
  const connection = new RTCPeerConnection()
  const ends: Ends = { connection }
  ;(globalThis as Scope).raw = ends
  connection.addEventListener('datachannel', ({ channel }) => (ends.channel = channel))
  await connection.setRemoteDescription({ type: 'offer', sdp })
  await connection.setLocalDescription()
  while (connection.iceGatheringState !== 'complete') await new Promise((resolve) => connection.addEventListener('icegatheringstatechange', resolve, { once: true }))
  return connection.localDescription!.sdp
}

async function takeAnswer(sdp: string): Promise<void> {
  const { connection, channel } = (globalThis as Scope).raw
  await connection.setRemoteDescription({ type: 'answer', sdp })
  if (channel?.readyState !== 'open') await new Promise((resolve) => channel?.addEventListener('open', resolve))
}

/** Acknowledges every quarter of a window. */
async function receive(window: number): Promise<void> {
  const { raw } = globalThis as Scope
  if (raw.channel === undefined) await new Promise((resolve) => raw.connection.addEventListener('datachannel', resolve))
  const channel = raw.channel!
  channel.binaryType = 'arraybuffer'
  let got = 0
  channel.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
    got += data.byteLength
    if (got < window / 4) return
    channel.send(String(got))
    got = 0
  })
}

/** Resolves to the milliseconds until all is acknowledged but what the other side still adds up. */
function send({ count, size, window }: Load): Promise<number> {
  const channel = (globalThis as Scope).raw.channel!
  const message = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)))
  return new Promise((resolve) => {
    const begin = performance.now()
    let sent = 0
    let acknowledged = 0
    const fill = (): void => {
      for (; sent < count && (sent + 1) * size - acknowledged <= window; sent++) channel.send(message)
    }
    channel.addEventListener('message', ({ data }: MessageEvent<string>) => {
      acknowledged += Number(data)
      if (count * size - acknowledged < window / 4) resolve(performance.now() - begin)
      else fill()
    })
    fill()
  })
}
