// What the two ends of the RTC bridge say to each other over one MessagePort. Types only: both realms load them.

/** An offer or answer (W3C WebRTC 4.7.1), plain so that it can be cloned. */
export interface Description {
  readonly type: string
  readonly sdp?: string | undefined
}

/** An ICE candidate (W3C WebRTC 4.8.1). */
export interface Candidate {
  readonly candidate?: string | undefined
  readonly sdpMid?: string | null | undefined
  readonly sdpMLineIndex?: number | null | undefined
  readonly usernameFragment?: string | null | undefined
}

/** The states of a connection that the stand-in mirrors. */
export interface States {
  readonly connectionState: string
  readonly iceConnectionState: string
  readonly iceGatheringState: string
  readonly signalingState: string
}

export type Method = 'createOffer' | 'createAnswer' | 'setLocalDescription' | 'setRemoteDescription' | 'addIceCandidate'

/** From the worker: `id` names a connection, `call` an answer that is waited for, `channel` one that the worker created. */
export type ToPage =
  | { readonly op: 'new'; readonly id: number; readonly configuration: object }
  | { readonly op: 'call'; readonly id: number; readonly call: number; readonly method: Method; readonly given?: Description | Candidate }
  | { readonly op: 'channel'; readonly id: number; readonly channel: number; readonly label: string; readonly options: object }
  | { readonly op: 'close'; readonly id: number }

/** From the page: what became of a call. */
export type CallEnd =
  | { readonly op: 'result'; readonly call: number; readonly value?: Description }
  | { readonly op: 'failed'; readonly call: number; readonly name: string; readonly message: string }

/** From the page: what happened to connection `id`. Channels travel with `created` and `announced`. */
export type News =
  | { readonly op: 'event'; readonly id: number; readonly type: string; readonly states: States; readonly candidate?: Candidate | null }
  | { readonly op: 'created'; readonly id: number; readonly channel: number; readonly real: RTCDataChannel }
  | { readonly op: 'announced'; readonly id: number; readonly real: RTCDataChannel }

export type ToWorker = CallEnd | News
