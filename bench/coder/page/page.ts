import { wrap, type Remote } from 'comlink'
import type { CoderBench } from './results.ts'

/** What Playwright calls: the bench in its worker, where the app has its peer worker. */
declare global {
  var coderBench: Remote<CoderBench>
  var chosen: () => File[]
}

const input = document.querySelector('input')!
globalThis.chosen = () => [...(input.files ?? [])]
globalThis.coderBench = wrap<CoderBench>(new Worker(new URL('worker.ts', import.meta.url), { type: 'module' }))
