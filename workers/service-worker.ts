// Entry of the service worker: the shell offline, and downloads as HTTP. It keeps no state; the browser stops it at will.
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'
import { answerDownload } from './download/answer.ts'

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
    async ({ request }) => {
      // Tabs that no service worker controls yet own downloads as well.
      const tabs = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
      return answerDownload(request, tabs)
    },
    method,
  )
}

// The first one serves the tab that installed it; a later one waits until a page says so (workers/page.ts): not in the middle of an upload.
self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim())
})
self.addEventListener('message', ({ data }: ExtendableMessageEvent) => {
  if (data === 'skip-waiting') void self.skipWaiting()
})
