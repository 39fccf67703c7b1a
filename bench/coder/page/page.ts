import { wrap } from 'comlink'
import type { CoderBench, ReadResult, StoreOptions, StoreResult } from './results.ts'

/** What Playwright calls: the bench in its worker, where the app has its peer worker. */
declare global {
  var coderBench: { store(options: StoreOptions): Promise<StoreResult>; read(lost: number): Promise<ReadResult> }
}

const remote = wrap<CoderBench>(new Worker(new URL('worker.ts', import.meta.url), { type: 'module', name: location.search }))
const input = document.querySelector('input')!

globalThis.coderBench = {
  store: (options) => remote.store([...(input.files ?? [])], options),
  read: (lost) => remote.read(lost),
}
