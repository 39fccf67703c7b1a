import { AppError } from '../../core/base/errors.ts'
import { LateChannel, whenOpen } from './channel.ts'
import type { Candidate, Description, Method, News, States, ToPage, ToWorker } from './messages.ts'

type Handler = ((event: Event) => unknown) | null
interface Waiting {
  resolve(value: Description | undefined): void
  reject(error: Error): void
}

const NEW: States = { connectionState: 'new', iceConnectionState: 'new', iceGatheringState: 'new', signalingState: 'stable' }

/** The worker's end of the RTC bridge: what its stand-ins share. */
class Bridge {
  private readonly port: MessagePort
  private readonly connections = new Map<number, BridgedConnection>()
  private readonly calls = new Map<number, Waiting & { readonly id: number }>()
  private last = 0

  constructor(port: MessagePort) {
    this.port = port
    port.onmessage = ({ data }: MessageEvent<ToWorker>) => this.hear(data)
  }

  begin(connection: BridgedConnection, configuration: object): number {
    const id = ++this.last
    this.connections.set(id, connection)
    this.say({ op: 'new', id, configuration })
    return id
  }

  call(id: number, method: Method, given?: Description | Candidate): Promise<Description | undefined> {
    const call = ++this.last
    return new Promise((resolve, reject) => {
      this.calls.set(call, { resolve, reject, id })
      this.say({ op: 'call', id, call, method, ...(given === undefined ? {} : { given }) })
    })
  }

  channel(id: number, label: string, options: object): number {
    const channel = ++this.last
    this.say({ op: 'channel', id, channel, label, options })
    return channel
  }

  end(id: number): void {
    this.connections.delete(id)
    this.say({ op: 'close', id })
  }

  private say(message: ToPage): void {
    this.port.postMessage(message)
  }

  private hear(message: ToWorker): void {
    if (message.op === 'result' || message.op === 'failed') {
      const waiting = this.calls.get(message.call)
      this.calls.delete(message.call)
      if (message.op === 'result') waiting?.resolve(message.value)
      else waiting?.reject(Object.assign(new Error(message.message), { name: message.name }))
      return
    }
    const connection = this.connections.get(message.id)
    if (connection !== undefined) connection.hear(message)
    // A channel of a connection that was closed meanwhile.
    else if (message.op !== 'event') message.real.close()
  }
}

/**
 * What libp2p uses of `RTCPeerConnection` (W3C WebRTC 4.4), in a worker, which has none. Its `close()` fires `close`: browsers never do, and libp2p keeps
 * each closed connection for ever while it waits for that event.
 */
class BridgedConnection extends EventTarget {
  onconnectionstatechange: Handler = null
  oniceconnectionstatechange: Handler = null
  onicegatheringstatechange: Handler = null
  onsignalingstatechange: Handler = null
  onicecandidate: Handler = null
  onicecandidateerror: Handler = null
  ondatachannel: Handler = null
  localDescription: Description | null = null
  remoteDescription: Description | null = null
  private readonly bridge: Bridge
  private readonly id: number
  private states: States = NEW
  private readonly channels = new Map<number, LateChannel>()

  constructor(bridge: Bridge, configuration: object) {
    super()
    this.bridge = bridge
    this.id = bridge.begin(this, configuration)
  }

  get connectionState(): string {
    return this.states.connectionState
  }
  get iceConnectionState(): string {
    return this.states.iceConnectionState
  }
  get iceGatheringState(): string {
    return this.states.iceGatheringState
  }
  get signalingState(): string {
    return this.states.signalingState
  }

  createOffer(): Promise<Description | undefined> {
    return this.bridge.call(this.id, 'createOffer')
  }

  createAnswer(): Promise<Description | undefined> {
    return this.bridge.call(this.id, 'createAnswer')
  }

  async setLocalDescription({ type, sdp }: Description): Promise<void> {
    await this.bridge.call(this.id, 'setLocalDescription', { type, sdp })
    this.localDescription = { type, sdp }
  }

  async setRemoteDescription({ type, sdp }: Description): Promise<void> {
    await this.bridge.call(this.id, 'setRemoteDescription', { type, sdp })
    this.remoteDescription = { type, sdp }
  }

  async addIceCandidate(candidate: BridgedCandidate): Promise<void> {
    await this.bridge.call(this.id, 'addIceCandidate', candidate.toJSON())
  }

  createDataChannel(label: string, options: object = {}): LateChannel {
    const channel = new LateChannel(label)
    if (this.isOver) throw new AppError('transient', 'rtc.closed', 'the connection is closed')
    const number = this.bridge.channel(this.id, label, options)
    this.channels.set(number, channel)
    channel.addEventListener('close', () => this.channels.delete(number))
    return channel
  }

  close(): void {
    if (this.states.connectionState === 'closed') return
    this.states = { connectionState: 'closed', iceConnectionState: 'closed', iceGatheringState: 'complete', signalingState: 'closed' }
    this.bridge.end(this.id)
    for (const channel of [...this.channels.values()]) channel.end()
    this.dispatchEvent(new Event('close'))
  }

  /** What the page says of this connection. */
  hear(message: News): void {
    if (message.op === 'created') this.join(message.channel, message.real)
    else if (message.op === 'announced') whenOpen(message.real, (channel) => this.tell(Object.assign(new Event('datachannel'), { channel })))
    else if (!this.isOver) {
      this.states = message.states
      const candidate = message.candidate === undefined || message.candidate === null ? null : new BridgedCandidate(message.candidate)
      this.tell(message.type === 'icecandidate' ? Object.assign(new Event('icecandidate'), { candidate }) : new Event(message.type))
    }
  }

  private get isOver(): boolean {
    return this.states.connectionState === 'failed' || this.states.connectionState === 'closed'
  }

  private join(number: number, real: RTCDataChannel): void {
    const channel = this.channels.get(number)
    if (channel === undefined) real.close()
    else channel.join(real)
  }

  private tell(event: Event): void {
    const handlers: Readonly<Record<string, Handler>> = {
      connectionstatechange: this.onconnectionstatechange,
      iceconnectionstatechange: this.oniceconnectionstatechange,
      icegatheringstatechange: this.onicegatheringstatechange,
      signalingstatechange: this.onsignalingstatechange,
      icecandidate: this.onicecandidate,
      datachannel: this.ondatachannel,
    }
    handlers[event.type]?.(event)
    this.dispatchEvent(event)
  }
}

class BridgedDescription {
  readonly type: string
  readonly sdp: string | undefined
  constructor({ type, sdp }: Description) {
    this.type = type
    this.sdp = sdp
  }
}

class BridgedCandidate {
  readonly candidate: string
  private readonly init: Candidate
  constructor(init: Candidate) {
    this.init = init
    this.candidate = init.candidate ?? ''
  }
  /** The candidate as plain data, whatever else a stranger sent with it left out. */
  toJSON(): Candidate {
    const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = this.init
    return { candidate, sdpMid, sdpMLineIndex, usernameFragment }
  }
}

/**
 * Gives `scope`, the global of a worker, the three WebRTC classes that `@libp2p/webrtc` reads when it is imported: call it before. The real connections are
 * made by the page behind `port` (`serveRtc`).
 */
export function installRtc(scope: object, port: MessagePort): void {
  const bridge = new Bridge(port)
  class Connection extends BridgedConnection {
    constructor(configuration: object = {}) {
      super(bridge, configuration)
    }
  }
  Object.assign(scope, { RTCPeerConnection: Connection, RTCSessionDescription: BridgedDescription, RTCIceCandidate: BridgedCandidate })
}
