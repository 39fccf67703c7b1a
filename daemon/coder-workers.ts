import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { createCoderPool, lanesFor, type CoderWorker } from '../core/flows/coder/pool.ts'
import type { Coder } from '../core/ports/coder.ts'
import { systemClock } from '../peer/system.ts'
import { coderPort } from './coder-port.ts'

/** The coder of a browser on Node: over one thread per core, which keep the process alive until it is closed. */
export function nodeCoder(lanes = lanesFor(availableParallelism()), spawn = coderThread): Coder {
  return createCoderPool({ lanes, clock: systemClock, spawn: () => coderWorker(spawn()) })
}

/** A thread that runs `coder-worker.ts`. */
export function coderThread(): Worker {
  return new Worker(new URL('coder-worker.ts', import.meta.url))
}

function coderWorker(worker: Worker): CoderWorker {
  return {
    ...coderPort(worker),
    onCrash(listener) {
      worker.on('error', (error) => {
        listener(String(error))
      })
      worker.on('exit', () => {
        listener('the thread ended')
      })
    },
    terminate: () => void worker.terminate(),
  }
}
