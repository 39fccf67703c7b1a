import { wrap } from 'comlink'
import type { PeerContract } from '../contract.ts'
import type { FollowRequest, HandOver, Introduction, LeadAnswer } from './news.ts'
import type { OtherPeer, TabPeer } from './tab-peer.ts'

/** The longest a leader may take to give its name, in ms; more than the service worker waits for it. */
const REACH_MS = 6000

/** Asks for a way to the leader, through the service worker behind `ask`. `undefined` when nobody leads or answers. */
export async function reachLeader(ask: (request: FollowRequest, port: MessagePort) => void): Promise<OtherPeer | undefined> {
  const { port1, port2 } = new MessageChannel()
  const closed = new Promise<undefined>((resolve) => {
    // Where browsers have it: the other end died, or was closed.
    port1.addEventListener('close', () => resolve(undefined))
  })
  ask({ kind: 'shoal-follow' }, port2)
  const leader = await Promise.race([nameOn(port1), closed])
  if (leader === undefined) {
    port1.close()
    return undefined
  }
  return { leader, peer: wrap<PeerContract>(port1), closed, close: () => port1.close() }
}

function nameOn(port: MessagePort): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(undefined)
    }, REACH_MS)
    const first = ({ data }: MessageEvent<Introduction>): void => {
      clearTimeout(timer)
      port.removeEventListener('message', first)
      resolve(data.leader)
    }
    port.addEventListener('message', first)
    port.start()
  })
}

/** Answers the service worker, on `port`, whether this page leads; if so, takes what it hands over. */
export function answerWhoLeads(port: MessagePort, tab: TabPeer | undefined): void {
  const leader = tab?.leads()
  port.onmessage = ({ ports: [follower] }: MessageEvent<HandOver>) => {
    port.close()
    if (follower === undefined) return
    follower.postMessage({ kind: 'shoal-leader', leader: leader ?? '' } satisfies Introduction)
    tab?.attach(follower)
  }
  port.postMessage({ kind: leader === undefined ? 'not-leading' : 'leading' } satisfies LeadAnswer)
}
