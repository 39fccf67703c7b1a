import { fileHeaders, parseRange, type FileHead } from './http.ts'
import { closeReader, readFile, readHead, type FindAgain, type StreamPort } from './stream.ts'

/** `/s/<token>/<name>`: the name is only for those who read URLs. */
const PATH = /^\/s\/([0-9a-f]{32})\/[^/]*$/

/** What a page is asked (workers/page.ts): to have its peer worker serve `token` on the port that comes with the message. */
export interface ServeRequest {
  readonly kind: 'shoal-serve'
  readonly token: string
}

/** What is needed of the tabs of this origin. */
export interface Tab {
  postMessage(message: unknown, transfer: Transferable[]): void
}

/** Time for a tab to answer, in ms. Its worker may be busy starting; the file itself is known by then. */
const HEAD_MS = 15_000

/** Times that tabs are asked again for a download whose server is gone: a tab that takes over a frozen one needs a minute at most (leader/election.ts). */
const MAX_ASKED_AGAIN = 8

/** Tabs asked at once: nobody keeps more open on one page. */
const MAX_TABS = 32

/**
 * Answers a request for a file that one of `tabs` owns: 200 with all of it, 206 with the range asked for, 416, 405, 404 when no tab knows the token, 504 when
 * none answers in time. Keeps no state: the service worker may be stopped between any two answers.
 */
export async function answerDownload(request: Request, tabs: readonly Tab[], headMs = HEAD_MS): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'Only GET and HEAD', { Allow: 'GET, HEAD' })
  const token = PATH.exec(new URL(request.url).pathname)?.[1]
  if (token === undefined) return plain(404, 'Not a download')
  const found = await ask(tabs.slice(0, MAX_TABS), token, headMs)
  if (found === 'none') return plain(404, 'No open tab of Shoal has this download any more')
  if (found === undefined) return plain(504, 'The tab that has this download does not answer')
  return answer(request, token, found, () => findAgain(tabs, token, found.head, headMs))
}

/** Asks until the tab that has the download has found another server for it. */
async function findAgain(tabs: readonly Tab[], token: string, head: FileHead, headMs: number): Promise<StreamPort | undefined> {
  for (let asked = 0; asked < MAX_ASKED_AGAIN; asked++) {
    const found = await ask(tabs.slice(0, MAX_TABS), token, headMs)
    if (found === 'none') return undefined
    if (found === undefined) continue
    if (found.head.size === head.size) return found.port
    closeReader(found.port)
    return undefined
  }
  return undefined
}

interface Found {
  readonly port: MessagePort
  readonly head: FileHead
}

/** The first tab that owns the token. The others have nothing to do with it and close their ends. */
function ask(tabs: readonly Tab[], token: string, headMs: number): Promise<Found | 'none' | undefined> {
  return new Promise((resolve) => {
    let taken = false
    const answers = tabs.map(async (tab) => {
      const { port1, port2 } = new MessageChannel()
      tab.postMessage({ kind: 'shoal-serve', token } satisfies ServeRequest, [port2])
      const head = await readHead(port1, headMs)
      if (typeof head !== 'object' || taken) closeReader(port1)
      else resolve({ port: port1, head })
      taken ||= typeof head === 'object'
      return head
    })
    // Changes nothing when one of them was found: a promise resolves once.
    void Promise.all(answers).then((heads) => {
      resolve(heads.includes(undefined) ? undefined : 'none')
    })
  })
}

function answer(request: Request, token: string, { port, head }: Found, again: FindAgain): Response {
  const condition = request.headers.get('If-Range')
  const resumable = condition === null || condition === `"${token}"`
  const range = resumable ? parseRange(request.headers.get('Range'), head.size) : undefined
  if (range === 'outside') {
    closeReader(port)
    return plain(416, 'No such part of the file', { 'Content-Range': `bytes */${head.size}` })
  }
  const { start, end } = range ?? { start: 0, end: head.size }
  const headers = fileHeaders(head, token, end - start)
  if (range !== undefined) headers.set('Content-Range', `bytes ${start}-${end - 1}/${head.size}`)
  const status = range === undefined ? 200 : 206
  if (request.method === 'HEAD') {
    closeReader(port)
    return new Response(null, { status, headers })
  }
  return new Response(readFile(port, { start, end }, { findAgain: again }), { status, headers })
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, {
    status,
    headers: { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store', 'Content-Security-Policy': 'sandbox', ...headers },
  })
}
