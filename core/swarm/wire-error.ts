import { AppError, asAppError, type ErrorKind } from '../base/errors.ts'
import { fromUtf8, utf8 } from '../base/bytes.ts'
import type { PeerKey } from '../ports/network.ts'
import { MAX_CODE, MAX_DETAIL } from './limits.ts'
import { WIRE_KINDS, type MessageOf } from './messages.ts'

/** `error` as an ERROR frame for request `id`, or 0 for the stream. Nothing but kind, code and a sentence leaves this machine. */
export function toWire(id: number, error: unknown): MessageOf<'error'> {
  const app = asAppError(error)
  return { type: 'error', id, kind: WIRE_KINDS.indexOf(app.kind), code: cut(app.code, MAX_CODE), detail: cut(app.message, MAX_DETAIL) }
}

/**
 * What a peer said went wrong. The kind is kept, with two exceptions: a peer's `aborted` is not our cancel, and its `bug` not ours; both
 * are `transient` here. `absent` means that this one peer says so. Data: `peer`.
 */
export function fromWire(message: MessageOf<'error'>, peer: PeerKey): AppError {
  const said = WIRE_KINDS[message.kind]
  const kind: ErrorKind = said === undefined || said === 'aborted' || said === 'bug' ? 'transient' : said
  const code = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(message.code) ? message.code : 'peer.error'
  return new AppError(kind, code, message.detail, { data: { peer } })
}

/** `text` within `max` bytes of UTF-8, cut between characters. */
function cut(text: string, max: number): string {
  const bytes = utf8(text)
  if (bytes.length <= max) return fromUtf8(bytes)
  let end = max
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return fromUtf8(bytes.subarray(0, end))
}
