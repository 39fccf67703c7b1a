import { AppError } from '../../core/base/errors.ts'
import type { Candidate, Description, Method, States, ToPage, ToWorker } from './messages.ts'

/** Connections at once: Chromium allows 500 per page, and each costs 0.4 MiB. A host has 100 links and as many handshakes. */
const MAX_CONNECTIONS = 256

const MIRRORED = ['connectionstatechange', 'iceconnectionstatechange', 'icegatheringstatechange', 'signalingstatechange'] as const

type Reply = (message: ToWorker, transfer?: Transferable[]) => void

/**
 * The page's end of the RTC bridge: makes `RTCPeerConnection`s for the peer worker behind `port`, and hands it each data channel in the very
 * task that creates or announces it (a channel crosses only before it is used). The function returned closes all of them.
 */
export function serveRtc(port: MessagePort, Connection: new (configuration: RTCConfiguration) => RTCPeerConnection): () => void {
  const connections = new Map<number, RTCPeerConnection>()
  const reply: Reply = (message, transfer = []) => {
    port.postMessage(message, transfer)
  }
  port.onmessage = ({ data }: MessageEvent<ToPage>) => {
    const connection = connections.get(data.id)
    if (data.op === 'new') begin(connections, data.id, () => new Connection(data.configuration), reply)
    else if (data.op === 'call') void answer(connection, data, reply)
    else if (data.op === 'channel' && connection !== undefined) create(connection, data, reply)
    else if (data.op === 'close') {
      connection?.close()
      connections.delete(data.id)
    }
  }
  return () => {
    for (const [id, connection] of connections) {
      connection.close()
      reply({ op: 'event', id, type: 'connectionstatechange', states: FAILED })
    }
    connections.clear()
  }
}

function begin(connections: Map<number, RTCPeerConnection>, id: number, make: () => RTCPeerConnection, reply: Reply): void {
  const refused = (): void => reply({ op: 'event', id, type: 'connectionstatechange', states: FAILED })
  if (connections.size >= MAX_CONNECTIONS) return refused()
  try {
    const connection = make()
    connections.set(id, connection)
    mirror(id, connection, reply)
  } catch {
    refused()
  }
}

const FAILED: States = { connectionState: 'failed', iceConnectionState: 'failed', iceGatheringState: 'complete', signalingState: 'closed' }

function mirror(id: number, connection: RTCPeerConnection, reply: Reply): void {
  for (const type of MIRRORED) {
    connection.addEventListener(type, () => {
      reply({ op: 'event', id, type, states: statesOf(connection) })
      watchEnd(id, connection, reply)
    })
  }
  connection.addEventListener('icecandidate', ({ candidate }) => {
    reply({ op: 'event', id, type: 'icecandidate', states: statesOf(connection), candidate: candidate === null ? null : (candidate.toJSON()) })
  })
  connection.addEventListener('datachannel', ({ channel }) => {
    reply({ op: 'announced', id, real: channel }, [channel])
  })
}

const watched = new WeakSet<RTCSctpTransport>()

/**
 * A remote that closes ends its SCTP association within milliseconds, but the state of the connection says so only 8 to 10 s later: until then dials
 * would take the dead one.
 */
function watchEnd(id: number, connection: RTCPeerConnection, reply: Reply): void {
  const { sctp } = connection
  if (sctp === null || watched.has(sctp)) return
  watched.add(sctp)
  sctp.addEventListener('statechange', () => {
    if (sctp.state === 'closed') reply({ op: 'event', id, type: 'connectionstatechange', states: FAILED })
  })
}

function statesOf({ connectionState, iceConnectionState, iceGatheringState, signalingState }: RTCPeerConnection): States {
  return { connectionState, iceConnectionState, iceGatheringState, signalingState }
}

function create(connection: RTCPeerConnection, { id, channel, label, options }: ToPage & { op: 'channel' }, reply: Reply): void {
  try {
    const real = connection.createDataChannel(label, options)
    reply({ op: 'created', id, channel, real }, [real])
  } catch {
    // The connection is closed; the worker hears of that, and its channel ends with it.
    reply({ op: 'event', id, type: 'connectionstatechange', states: FAILED })
  }
}

async function answer(connection: RTCPeerConnection | undefined, { call, method, given }: ToPage & { op: 'call' }, reply: Reply): Promise<void> {
  try {
    if (connection === undefined) throw new AppError('transient', 'rtc.closed', 'the connection is closed')
    const value = await perform(connection, method, given)
    reply({ op: 'result', call, ...(value === undefined ? {} : { value }) })
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    reply({ op: 'failed', call, name, message })
  }
}

async function perform(connection: RTCPeerConnection, method: Method, given: Description | Candidate | undefined): Promise<Description | undefined> {
  if (method === 'createOffer' || method === 'createAnswer') {
    const { type, sdp } = await connection[method]()
    return { type, sdp }
  }
  if (method === 'addIceCandidate') await connection.addIceCandidate(given as RTCIceCandidateInit)
  else await connection[method](given as RTCSessionDescriptionInit)
  return undefined
}
