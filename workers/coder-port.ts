import type { CoderPort } from '../core/flows/coder/protocol.ts'

/** What a `Worker` and the global scope of one have in common. */
interface End {
  postMessage(message: unknown, transfer: Transferable[]): void
  onmessage: ((event: MessageEvent) => unknown) | null
}

/** The pool's end of a worker, or a worker's end of the pool. */
export function coderPort(end: End): CoderPort {
  return {
    post: (message, transfer) => {
      end.postMessage(message, transfer)
    },
    listen(listener) {
      end.onmessage = ({ data }: MessageEvent) => {
        listener(data)
      }
    },
  }
}
