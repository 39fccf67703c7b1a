import { mount } from 'svelte'
import { shoalPage } from '../workers/page.ts'
import type { PeerInit } from '../workers/contract.ts'
import App from './app.svelte'
import { checkSupport, type Support } from './state/support.ts'
import { Update } from './state/update.svelte.ts'
import './style.css'

declare const __SHOAL_RELAYS__: readonly string[]

const target = document.getElementById('app')
if (target !== null) draw(target, await checkSupport())

function draw(target: HTMLElement, support: Support): void {
  if (support.kind === 'none') {
    mount(App, { target, props: { support, update: new Update(() => undefined) } })
    return
  }
  const page = shoalPage([location.origin, ...__SHOAL_RELAYS__])
  const update = new Update(() => void page.update())
  mount(App, { target, props: { support, update, openPeer: (mode: PeerInit['mode']) => page.openPeer(mode) } })
  // Without a service worker the page works, but downloads cannot be streamed: the attempt says so.
  page.installServiceWorker(() => (update.ready = true)).catch(() => undefined)
}
