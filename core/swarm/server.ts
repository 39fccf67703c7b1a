import { asAppError } from '../base/errors.ts'
import type { StreamHandler } from '../ports/network.ts'
import { Budget } from './budget.ts'
import { Channel } from './channel.ts'
import { Guests } from './guests.ts'
import { INBOUND_BYTES } from './limits.ts'
import { Session, type SessionParts } from './session.ts'

export interface ServeOptions extends SessionParts {
  /** Told how many peers have a stream, after each change. */
  readonly guests?: ((peers: number) => void) | undefined
}

/**
 * The host's side of `/shoal/shard/1`: hand it to `Network.handle`. It rejects with what ended a stream that did not end cleanly, for the log;
 * nothing else of either side is harmed.
 */
export function serveShards(options: ServeOptions): StreamHandler {
  const guests = new Guests(options.clock)
  const budget = new Budget(INBOUND_BYTES)
  return async (stream, remote) => {
    const channel = new Channel(stream, remote, options.clock)
    try {
      guests.enter(remote)
    } catch (error) {
      const refusing = channel.run(() => undefined)
      channel.stop(asAppError(error))
      return refusing
    }
    try {
      options.guests?.(guests.peers)
      await new Session(channel, options, budget).run()
    } finally {
      guests.leave(remote)
      options.guests?.(guests.peers)
      if (channel.violated) guests.strike(remote)
    }
  }
}
