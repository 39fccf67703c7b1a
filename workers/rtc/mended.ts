/**
 * `Base` as libp2p needs it where it runs in a page: `close()` fires `close` (see worker-end.ts), a remote that closed counts as failed at once, and the channel
 * `init` seems open until it is closed here. Rules 4 to 6 of docs/protocols/rtc-bridge.md.
 */
export function mended(Base: typeof RTCPeerConnection): typeof RTCPeerConnection {
  return class extends Base {
    private over = false
    private watched: RTCSctpTransport | null = null

    constructor(configuration?: RTCConfiguration) {
      super(configuration)
      for (const type of ['signalingstatechange', 'connectionstatechange']) this.addEventListener(type, () => this.watchEnd())
    }

    override get connectionState(): RTCPeerConnectionState {
      return this.over && super.connectionState !== 'closed' ? 'failed' : super.connectionState
    }

    override createDataChannel(label: string, options?: RTCDataChannelInit): RTCDataChannel {
      const channel = super.createDataChannel(label, options)
      return label === 'init' ? patient(channel) : channel
    }

    override close(): void {
      if (super.connectionState === 'closed') return
      super.close()
      this.dispatchEvent(new Event('close'))
    }

    private watchEnd(): void {
      const { sctp } = this
      if (sctp === null || this.watched === sctp) return
      this.watched = sctp
      sctp.addEventListener('statechange', () => {
        if (sctp.state !== 'closed' || super.connectionState === 'closed') return
        this.over = true
        this.dispatchEvent(new Event('connectionstatechange'))
      })
    }
  }
}

/** `channel`, whose end is told only once it was closed here. */
function patient(channel: RTCDataChannel): RTCDataChannel {
  let opened = channel.readyState === 'open'
  let closing = false
  channel.addEventListener('open', () => (opened = true))
  // First of all listeners, so that it can keep the event from those that come later.
  channel.addEventListener('close', (event) => {
    if (!closing) event.stopImmediatePropagation()
  })
  const close = channel.close.bind(channel)
  const ended = (): boolean => Object.getOwnPropertyDescriptor(RTCDataChannel.prototype, 'readyState')?.get?.call(channel) === 'closed'
  Object.defineProperty(channel, 'readyState', { get: () => (closing ? (ended() ? 'closed' : 'closing') : opened ? 'open' : 'connecting') })
  channel.close = () => {
    if (closing) return
    closing = true
    if (ended()) queueMicrotask(() => channel.dispatchEvent(new Event('close')))
    else close()
  }
  return channel
}
