import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'

declare const self: ServiceWorkerGlobalScope & {
  /** The built files and their revisions, put in by the build. */
  readonly __WB_MANIFEST: { url: string; revision: string | null }[]
}

/** Paths that the service worker will answer itself, or that only a server may answer: never the shell. */
const NOT_THE_SHELL = [/^\/drive\//, /^\/s\//, /^\/relay\.json$/, /^\/healthz$/]

cleanupOutdatedCaches()
precacheAndRoute(self.__WB_MANIFEST)
registerRoute(new NavigationRoute(createHandlerBoundToURL('/index.html'), { denylist: NOT_THE_SHELL }))
