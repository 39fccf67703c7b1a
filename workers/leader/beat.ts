import type { Clock } from '../../core/ports/clock.ts'
import { systemClock } from '../../peer/system.ts'
import { CHANNEL, type News } from './news.ts'

/** Between two signs of life, in ms: a fraction of the patience of those who listen (election.ts). */
const BEAT_MS = 1000

/** Says that the worker of `leader` lives, for as long as it does [L2]. Resolves when `signal` fires. */
export async function beat(say: (news: News) => void, leader: string, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    say({ kind: 'beat', leader })
    await clock.sleep(BEAT_MS, signal).catch(() => undefined)
  }
}

/** Beats for the service of this realm until `signal` fires, or the realm ends. */
export async function beatAs(leader: string, signal = new AbortController().signal): Promise<void> {
  const channel = new BroadcastChannel(CHANNEL)
  await beat((news) => channel.postMessage(news), leader, systemClock, signal)
  channel.close()
}
