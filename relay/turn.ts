import { createHmac } from 'node:crypto'
import type { Clock, Random } from '../core/ports/clock.ts'
import type { TurnServer } from '../peer/relay-info.ts'
import type { TurnOptions } from './options.ts'

/** How long made credentials are good for. A client asks again every hour. */
const TURN_SECONDS = 12 * 60 * 60
/** Bytes that tell the users of one second apart. */
const NAME_BYTES = 8

/** What `relay.json` says of TURN; with a secret, a name and password of its own for each request (draft-uberti-behave-turn-rest-00, 2.2). */
export function turnServers(turn: TurnOptions | undefined, clock: Clock, random: Random): TurnServer[] {
  if (turn === undefined) return []
  const { urls, login } = turn
  if (!('secret' in login)) return [{ urls, ...login }]
  const until = Math.floor(clock.now() / 1000) + TURN_SECONDS
  const username = `${until}:${Buffer.from(random.bytes(NAME_BYTES)).toString('hex')}`
  return [{ urls, username, credential: turnCredential(login.secret, username) }]
}

/** base64(HMAC-SHA-1(secret, username)): HMAC as in RFC 2104, as coturn's `use-auth-secret` checks it. */
export function turnCredential(secret: string, username: string): string {
  return createHmac('sha1', secret).update(username).digest('base64')
}
