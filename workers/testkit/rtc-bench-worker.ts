// A worker with the stand-ins of the RTC bridge, driven by its tests over Comlink.
import { expose } from 'comlink'
import { installRtc } from '../rtc/worker-end.ts'

/** What the tests use of the stand-in; a worker has no type of its own for it. */
interface Connection extends EventTarget {
  readonly connectionState: string
  createOffer(): Promise<Description>
  createAnswer(): Promise<Description>
  setLocalDescription(description: Description): Promise<void>
  setRemoteDescription(description: Description): Promise<void>
  addIceCandidate(candidate: { toJSON(): object }): Promise<void>
  createDataChannel(label: string): RTCDataChannel
  close(): void
}
interface Description {
  readonly type: string
  readonly sdp: string
}
interface Classes {
  readonly RTCPeerConnection: new (configuration: object) => Connection
  readonly RTCIceCandidate: new (init: object) => { toJSON(): object }
}

export class RtcBench {
  private classes: Classes | undefined
  private connections: Connection[] = []
  private channels: RTCDataChannel[] = []

  /** The first call: `port` leads to the page's end. */
  install(port: MessagePort): void {
    const scope = {}
    installRtc(scope, port)
    this.classes = scope as Classes
  }

  /** Two connections of this worker, joined to each other; resolves once a channel of each label is open on both sides. */
  async join(labels: readonly string[]): Promise<void> {
    const [a, b] = [this.make(), this.make()]
    this.pass(a, b)
    this.pass(b, a)
    const announced: RTCDataChannel[] = []
    const all = new Promise<void>((resolve) => {
      b.addEventListener('datachannel', (event) => {
        if (announced.push((event as Event & { channel: RTCDataChannel }).channel) === labels.length) resolve()
      })
    })
    const made = labels.map((label) => a.createDataChannel(label))
    const open = Promise.all(made.map((channel) => new Promise((resolve) => channel.addEventListener('open', resolve))))
    const offer = await a.createOffer()
    await a.setLocalDescription(offer)
    await b.setRemoteDescription(offer)
    const answer = await b.createAnswer()
    await b.setLocalDescription(answer)
    await a.setRemoteDescription(answer)
    await Promise.all([all, open])
    this.connections = [a, b]
    this.channels = [...made, ...announced]
  }

  /** Sends `count` messages of `size` bytes over the first channel; resolves to the bytes that came out on the other side, in order. */
  async send(count: number, size: number): Promise<number> {
    const from = this.channels[0]!
    const to = this.channels[this.channels.length / 2]!
    let bytes = 0
    const all = new Promise<void>((resolve, reject) => {
      let next = 0
      to.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        if (new DataView(data).getUint32(0) !== next++) reject(new Error('out of order'))
        bytes += data.byteLength
        if (next === count) resolve()
      }
    })
    for (let i = 0; i < count; i++) {
      const message = new Uint8Array(size)
      new DataView(message.buffer).setUint32(0, i)
      from.send(message)
    }
    await all
    return bytes
  }

  /** Closes the first connection; resolves to what the second one says of itself once it hears of that. */
  async closeOne(): Promise<string> {
    const [a, b] = this.connections
    const heard = new Promise((resolve) => b!.addEventListener('connectionstatechange', resolve, { once: true }))
    a!.close()
    await heard
    return b!.connectionState
  }

  states(): string[] {
    return this.connections.map(({ connectionState }) => connectionState)
  }

  /** Closes both ends; resolves to how many of the two fired `close`. */
  closeBoth(): number {
    let fired = 0
    for (const connection of this.connections) {
      connection.addEventListener('close', () => fired++)
      connection.close()
      connection.close()
    }
    this.connections = []
    this.channels = []
    return fired
  }

  /** The other side closes `init` before this one does: what this one's says before and after it is closed here, and whether it then fires `close`. */
  async closeInitEarly(): Promise<{ before: string; after: string }> {
    const [mine, theirs] = this.channels
    const gone = new Promise((resolve) => theirs!.addEventListener('close', resolve))
    theirs!.close()
    await gone
    const before = mine!.readyState
    const closed = new Promise((resolve) => mine!.addEventListener('close', resolve))
    mine!.close()
    await closed
    return { before, after: mine!.readyState }
  }

  private make(): Connection {
    return new this.classes!.RTCPeerConnection({ iceServers: [] })
  }

  private pass(from: Connection, to: Connection): void {
    from.addEventListener('icecandidate', (event) => {
      const { candidate } = event as Event & { candidate: { toJSON(): object } | null }
      if (candidate !== null) void to.addIceCandidate(new this.classes!.RTCIceCandidate(candidate.toJSON()))
    })
  }
}

expose(new RtcBench())
