import type { HandOver, LeadAnswer, LeadRequest } from './news.ts'

/** What is needed of the tabs of this origin. */
export interface Page {
  postMessage(message: unknown, transfer: Transferable[]): void
}

/** Pages asked at once: nobody keeps more open. */
const MAX_PAGES = 64

/** A page that leads answers within moments, unless it is busy or frozen; in ms. */
const ANSWER_MS = 5000

/**
 * Hands `port` to the page that leads [P1]. Closes it when none says so in time. The service worker's part: it keeps no state.
 */
export async function handToLeader(port: MessagePort, pages: readonly Page[], answerMs = ANSWER_MS): Promise<void> {
  const leader = await leaderOf(pages.slice(0, MAX_PAGES), answerMs)
  if (leader === undefined) port.close()
  else leader.postMessage({ kind: 'hand-over' } satisfies HandOver, [port])
}

/** The port to the first page that leads. */
function leaderOf(pages: readonly Page[], answerMs: number): Promise<MessagePort | undefined> {
  return new Promise((resolve) => {
    const answers = pages.map(async (page) => {
      const { port1, port2 } = new MessageChannel()
      page.postMessage({ kind: 'shoal-lead' } satisfies LeadRequest, [port2])
      if (await leads(port1, answerMs)) resolve(port1)
      else port1.close()
    })
    void Promise.all(answers).then(() => {
      resolve(undefined)
    })
  })
}

function leads(port: MessagePort, answerMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(false)
    }, answerMs)
    port.onmessage = ({ data }: MessageEvent<LeadAnswer>) => {
      clearTimeout(timer)
      resolve(data.kind === 'leading')
    }
  })
}
