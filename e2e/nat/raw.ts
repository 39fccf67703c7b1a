import type { Page } from '@playwright/test'

/** WebRTC without Shoal, to see what the lab's NATs let through. */

declare global {
  interface Window {
    rawConnection: RTCPeerConnection
    rawChannel: Promise<RTCDataChannel>
  }
}

/** Ends of the way that two browsers agreed on: `host`, `srflx` and `prflx` are direct, `relay` is TURN. */
export interface Pair {
  readonly local: string
  readonly remote: string
  /** How the local end talks to its TURN server. */
  readonly turn?: string
}

/** The UDP ports of one socket of this browser: its own, those that STUN servers saw, those that TURN servers lent. Without any answer that takes 40 s. */
export async function seenPorts(page: Page, iceServers: RTCIceServer[]): Promise<{ own: number[]; seen: number[]; relayed: number[] }> {
  return page.evaluate(async (servers) => {
    const connection = new RTCPeerConnection({ iceServers: servers })
    connection.createDataChannel('probe')
    const found: RTCIceCandidate[] = []
    const done = new Promise<void>((resolve) => {
      connection.onicecandidate = ({ candidate }) => {
        if (candidate === null) resolve()
        else if (candidate.protocol === 'udp') found.push(candidate)
      }
    })
    await connection.setLocalDescription()
    await done
    connection.close()
    const ports = (type: string) => [...new Set(found.filter((candidate) => candidate.type === type).map(({ port }) => port ?? 0))]
    return { own: ports('host'), seen: ports('srflx'), relayed: ports('relay') }
  }, iceServers)
}

/** Connects two pages; the pair they use, or `undefined` when there is no way. */
export async function connectRaw(a: Page, b: Page, iceServers: RTCIceServer[]): Promise<Pair | undefined> {
  const offer = await a.evaluate(describe, { iceServers, remote: undefined })
  const answer = await b.evaluate(describe, { iceServers, remote: offer })
  await a.evaluate((sdp) => window.rawConnection.setRemoteDescription({ type: 'answer', sdp }), answer)
  return a.evaluate(selectedPair)
}

/** Sends `bytes` from one page to the other; MiB/s as the receiver saw them. */
export async function speed(a: Page, b: Page, bytes: number): Promise<number> {
  const receiving = b.evaluate(async (total) => {
    const channel = await window.rawChannel
    const start = performance.now()
    let got = 0
    await new Promise<void>((resolve) => {
      channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        got += data.byteLength
        if (got < total) return
        resolve()
      }
      channel.send('go')
    })
    return total / 2 ** 20 / ((performance.now() - start) / 1000)
  }, bytes)
  await a.evaluate(async (total) => {
    const channel = await window.rawChannel
    await new Promise((resolve) => {
      channel.onmessage = resolve
    })
    const part = new ArrayBuffer(64 * 1024)
    channel.bufferedAmountLowThreshold = 512 * 1024
    for (let sent = 0; sent < total; sent += part.byteLength) {
      channel.send(part)
      if (channel.bufferedAmount > 2 ** 20) await new Promise((resolve) => (channel.onbufferedamountlow = resolve))
    }
  }, bytes)
  return receiving
}

/** Runs in the page: makes an offer, or the answer to one, with all candidates in it. */
async function describe({ iceServers, remote }: { iceServers: RTCIceServer[]; remote: string | undefined }): Promise<string> {
  const connection = new RTCPeerConnection({ iceServers })
  window.rawConnection = connection
  window.rawChannel = new Promise((resolve) => {
    const channel = connection.createDataChannel('raw', { negotiated: true, id: 1 })
    channel.binaryType = 'arraybuffer'
    channel.onopen = () => {
      resolve(channel)
    }
  })
  const gathered = new Promise<void>((resolve) => {
    connection.onicecandidate = ({ candidate }) => {
      if (candidate === null) resolve()
    }
  })
  if (remote !== undefined) await connection.setRemoteDescription({ type: 'offer', sdp: remote })
  await connection.setLocalDescription()
  await gathered
  return connection.localDescription?.sdp ?? ''
}

/** Runs in the page: waits for the end of the search, and says what was found. */
async function selectedPair(): Promise<Pair | undefined> {
  const connection = window.rawConnection
  await new Promise<void>((resolve) => {
    const look = () => {
      if (['connected', 'failed'].includes(connection.connectionState)) resolve()
    }
    connection.onconnectionstatechange = look
    look()
  })
  if (connection.connectionState === 'failed') return undefined
  const stats = new Map<string, Record<string, string | undefined>>()
  ;(await connection.getStats()).forEach((report: { id: string }) => stats.set(report.id, report))
  const transport = [...stats.values()].find(({ type }) => type === 'transport')
  const pair = stats.get(transport?.['selectedCandidatePairId'] ?? '')
  const local = stats.get(pair?.['localCandidateId'] ?? '')
  const remote = stats.get(pair?.['remoteCandidateId'] ?? '')
  const turn = local?.['relayProtocol']
  return { local: local?.['candidateType'] ?? '', remote: remote?.['candidateType'] ?? '', ...(turn === undefined ? {} : { turn }) }
}
