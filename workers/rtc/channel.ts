import { AppError } from '../../core/base/errors.ts'

/** Events that a data channel passes on as they come. `message` is apart: it is the hot path, and only `onmessage` is used for it. */
const PLAIN = ['open', 'closing', 'bufferedamountlow'] as const

/** Messages that may arrive before whoever wants the channel listens, and their bytes: as libp2p bounds its own early channels. */
const MAX_EARLY = 16
const MAX_EARLY_BYTES = 256 * 1024

type Handler = ((event: Event) => unknown) | null

/**
 * A data channel whose real one arrives later: `createDataChannel` is synchronous, and the page is another realm. Has what libp2p uses of `RTCDataChannel`.
 *
 * The channel `init` stays open until it is closed here: the responder closes it as soon as it sees it, and when that overtook the initiator, libp2p would
 * wait for an event that has been, until the dial's time is over.
 */
export class LateChannel extends EventTarget {
  readonly label: string
  onopen: Handler = null
  onclose: Handler = null
  onclosing: Handler = null
  onerror: Handler = null
  onmessage: ((event: MessageEvent) => unknown) | null = null
  onbufferedamountlow: Handler = null
  private real: RTCDataChannel | undefined
  private type: BinaryType = 'arraybuffer'
  private threshold = 0
  private opened = false
  private closing = false
  private ended = false
  private readonly closesAlone: boolean

  constructor(label: string) {
    super()
    this.label = label
    this.closesAlone = label !== 'init'
  }

  get readyState(): RTCDataChannelState {
    if (this.ended) return 'closed'
    if (this.closing) return 'closing'
    return this.opened ? 'open' : 'connecting'
  }

  get id(): number | null {
    return this.real?.id ?? null
  }

  get bufferedAmount(): number {
    return this.real?.bufferedAmount ?? 0
  }

  get bufferedAmountLowThreshold(): number {
    return this.threshold
  }

  set bufferedAmountLowThreshold(bytes: number) {
    this.threshold = bytes
    if (this.real !== undefined) this.real.bufferedAmountLowThreshold = bytes
  }

  get binaryType(): BinaryType {
    return this.type
  }

  set binaryType(type: BinaryType) {
    this.type = type
    if (this.real !== undefined) this.real.binaryType = type
  }

  /** Throws `transient` `rtc.closed` while it is not open. */
  send(data: ArrayBufferView<ArrayBuffer>): void {
    if (this.real === undefined || !this.opened) throw new AppError('transient', 'rtc.closed', 'the channel is not open')
    this.real.send(data)
  }

  close(): void {
    if (this.ended || this.closing) return
    this.closing = true
    this.real?.close()
    if (this.real === undefined || this.real.readyState === 'closed') queueMicrotask(() => this.end())
  }

  /** The real channel is here. */
  join(real: RTCDataChannel): void {
    this.real = real
    real.binaryType = this.type
    real.bufferedAmountLowThreshold = this.threshold
    real.onmessage = (event) => this.onmessage?.(event)
    for (const type of PLAIN) real.addEventListener(type, () => this.pass(type))
    real.addEventListener('error', (event) => {
      const error = 'error' in event ? event.error : undefined
      if (this.closesAlone) this.tell(Object.assign(new Event('error'), { error }))
    })
    real.addEventListener('close', () => {
      if (this.closesAlone || this.closing) this.end()
    })
    if (this.closing || this.ended) real.close()
    else if (real.readyState === 'open') this.pass('open')
  }

  /** The connection is gone, and with it this channel. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.tell(new Event('close'))
  }

  private pass(type: (typeof PLAIN)[number]): void {
    if (type === 'closing' && !this.closesAlone) return
    if (type === 'open') {
      if (this.opened || this.closing) return
      this.opened = true
    }
    this.tell(new Event(type))
  }

  private tell(event: Event): void {
    const handlers: Readonly<Record<string, Handler>> = {
      open: this.onopen,
      close: this.onclose,
      closing: this.onclosing,
      error: this.onerror,
      bufferedamountlow: this.onbufferedamountlow,
    }
    handlers[event.type]?.(event)
    this.dispatchEvent(event)
  }
}

/**
 * Calls `use` with an announced channel once it is open, and then replays what came before: a channel that crossed to a worker opens only there, and libp2p's
 * streams would miss its first messages. One that sends too much before is closed.
 */
export function whenOpen(real: RTCDataChannel, use: (channel: RTCDataChannel) => void): void {
  const early: ArrayBuffer[] = []
  let bytes = 0
  real.binaryType = 'arraybuffer'
  real.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (data instanceof ArrayBuffer && early.length < MAX_EARLY && bytes + data.byteLength <= MAX_EARLY_BYTES) {
      early.push(data)
      bytes += data.byteLength
    } else real.close()
  }
  const open = (): void => {
    real.onmessage = null
    use(real)
    for (const data of early) real.dispatchEvent(new MessageEvent('message', { data }))
  }
  if (real.readyState === 'open') open()
  else real.addEventListener('open', open, { once: true })
}
