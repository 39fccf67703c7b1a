// Entry of the service worker: the shell offline, and downloads as HTTP. It keeps no state; the browser stops it at will.
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'
import { answerDownload } from './download/answer.ts'
import { handToLeader } from './leader/broker.ts'
import type { FollowRequest } from './leader/news.ts'

declare const self: ServiceWorkerGlobalScope & {
  /** The built files and their revisions, put in by the build. */
  readonly __WB_MANIFEST: { url: string; revision: string | null }[]
}

/** Paths that the service worker answers itself, or that only a server may answer: never the shell. */
const NOT_THE_SHELL = [/^\/drive\//, /^\/s\//, /^\/relay\.json$/, /^\/healthz$/]

cleanupOutdatedCaches()
precacheAndRoute(self.__WB_MANIFEST)
registerRoute(new NavigationRoute(createHandlerBoundToURL('/index.html'), { denylist: NOT_THE_SHELL }))

for (const method of ['GET', 'HEAD'] as const) {
  registerRoute(
    ({ url, sameOrigin }) => sameOrigin && url.pathname.startsWith('/s/'),
    async ({ request }) => answerDownload(request, await tabs()),
    method,
  )
}

// The first one serves the tab that installed it; a later one waits until a page says so (workers/page.ts): not in the middle of an upload.
self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim())
})
self.addEventListener('message', (event) => {
  const [port] = event.ports
  const data = event.data as FollowRequest | 'skip-waiting'
  if (data === 'skip-waiting') void self.skipWaiting()
  else if (port !== undefined) event.waitUntil(follow(port))
})

async function follow(port: MessagePort): Promise<void> {
  await handToLeader(port, await tabs())
}

/** Tabs that no service worker controls yet own downloads, and lead, as well. */
function tabs(): Promise<readonly WindowClient[]> {
  return self.clients.matchAll({ type: 'window', includeUncontrolled: true })
}
