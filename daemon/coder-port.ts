import type { MessagePort, Worker } from 'node:worker_threads'
import type { CoderPort } from '../core/flows/coder/protocol.ts'

/** The pool's end of a thread, or a thread's end of the pool. */
export function coderPort(end: Pick<Worker | MessagePort, 'postMessage' | 'on'>): CoderPort {
  return {
    post: (message, transfer) => {
      end.postMessage(message, transfer)
    },
    listen(listener) {
      end.on('message', listener)
    },
  }
}
