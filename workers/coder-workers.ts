import { createCoderPool, lanesFor, type CoderWorker } from '../core/flows/coder/pool.ts'
import type { Coder } from '../core/ports/coder.ts'
import { systemClock } from '../peer/system.ts'
import { coderPort } from './coder-port.ts'

/** A coder over one worker per core. `spawn` starts `coder-worker.ts`. */
export function browserCoder(spawn: () => Worker, lanes = lanesFor(navigator.hardwareConcurrency)): Coder {
  return createCoderPool({ lanes, clock: systemClock, spawn: () => coderWorker(spawn()) })
}

function coderWorker(worker: Worker): CoderWorker {
  return {
    ...coderPort(worker),
    onCrash(listener) {
      worker.onerror = (event) => {
        event.preventDefault()
        listener(event.message)
      }
    },
    terminate: () => {
      worker.terminate()
    },
  }
}
