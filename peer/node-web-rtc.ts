import type { Log } from './log.ts'
import type { shoalWebRtc } from './web-rtc.ts'

type WebRtcModule = { readonly shoalWebRtc: typeof shoalWebRtc }

/** What of the native module's `RTCPeerConnection` is mended. */
export interface NativePeerConnection extends EventTarget {
  setRemoteDescription(description: unknown): Promise<void>
}

/** Marks the class once it is mended, whoever comes again. */
const MENDED = Symbol('shoal.candidates-after-answer')

/**
 * WebRTC on Node, or `undefined`, after one line in the log, where its native part does not load: no build for this machine, or installed without
 * optional packages. A host does without. `load` replaces the import in tests.
 */
export async function nodeWebRtc(log: Log, load: () => Promise<WebRtcModule> = loadNative): Promise<typeof shoalWebRtc | undefined> {
  try {
    return (await load()).shoalWebRtc
  } catch (error) {
    log('warn', 'no WebRTC on this machine: peers reach this host only at the address it listens on', {}, error)
    return undefined
  }
}

async function loadNative(): Promise<WebRtcModule> {
  const { RTCPeerConnection } = await import('node-datachannel/polyfill')
  candidatesAfterAnswer(RTCPeerConnection.prototype)
  return import('./web-rtc.ts')
}

/**
 * Makes a peer connection that offers keep its candidates to itself until it has the answer. With them the other side begins at once, and on one machine
 * or a fast network its DTLS handshake comes while the library is still taking in the answer: either the handshake loses its first packet, which costs a
 * second, or it meets a fingerprint that is not known yet, is refused as `unknown CA`, and libp2p waits for the dead connection until its time is over.
 */
export function candidatesAfterAnswer(prototype: NativePeerConnection & { [MENDED]?: true }): void {
  if (prototype[MENDED] === true) return
  prototype[MENDED] = true
  const held = new WeakMap<NativePeerConnection, Event[]>()
  const answered = new WeakSet<NativePeerConnection>()
  // A copy of the prototype as it is, with what it inherits.
  const original = Object.create(Object.getPrototypeOf(prototype) as object, Object.getOwnPropertyDescriptors(prototype)) as NativePeerConnection
  prototype.dispatchEvent = function (event) {
    if (event.type !== 'icecandidate' || answered.has(this)) return original.dispatchEvent.call(this, event)
    const events = held.get(this) ?? []
    held.set(this, [...events, event])
    return true
  }
  prototype.setRemoteDescription = async function (description) {
    await original.setRemoteDescription.call(this, description)
    answered.add(this)
    for (const event of held.get(this) ?? []) original.dispatchEvent.call(this, event)
    held.delete(this)
  }
}
