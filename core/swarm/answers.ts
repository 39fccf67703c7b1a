import { AppError } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import type { MessageOf } from './messages.ts'
import { rangeOf, type Range } from './range.ts'
import type { Handler, Reply } from './requests.ts'

/** What a host sent for a GET; nothing of it is verified yet. */
export interface Fetched {
  /** Bytes of the whole shard, as the host says. */
  readonly size: number
  /** Number of the first leaf in `bytes`. */
  readonly first: number
  readonly proof: readonly Bytes[]
  readonly bytes: Bytes
}

/** The one frame of `type`. */
export function only<T extends Reply['type']>(type: T): Handler<MessageOf<T>> {
  return (reply) => {
    if (reply.type !== type) throw unexpected(reply)
    return reply as MessageOf<T>
  }
}

/** `count` verdicts. */
export function answers(count: number): Handler<number[]> {
  return (reply) => {
    if (reply.type !== 'verdicts' || reply.verdicts.length !== count) throw unexpected(reply)
    return reply.verdicts
  }
}

/** FOUND and the DATA that belong to a GET of `range`, or of the whole shard. Memory is taken only for what FOUND may claim. */
export function fetched(range: Range | undefined): Handler<Fetched> {
  let found: MessageOf<'found'> | undefined
  let bytes: Bytes = new Uint8Array()
  let held = 0
  return (reply) => {
    if (reply.type === 'found' && found === undefined) {
      found = reply
      bytes = new Uint8Array(expected(reply, range))
    } else if (reply.type === 'data' && found !== undefined && held + reply.bytes.length <= bytes.length) {
      bytes.set(reply.bytes, held)
      held += reply.bytes.length
    } else throw unexpected(reply)
    return held === bytes.length ? { size: found.size, first: found.first, proof: found.proof, bytes } : undefined
  }
}

/** Bytes that must follow `found`. Throws `invalid` when it speaks of other leaves than those asked for. */
function expected(found: MessageOf<'found'>, range: Range | undefined): number {
  const { size, first, leaves, proof } = found
  const want = rangeOf(range ?? { offset: 0, length: size }, size)
  const right = first === want.first && leaves === want.leaves && (range !== undefined || proof.length === 0)
  if (!right) throw unexpected({ ...found })
  return want.length
}

function unexpected(reply: Reply): AppError {
  return new AppError('invalid', 'frame.unexpected', `${reply.type} is no answer to this`)
}
