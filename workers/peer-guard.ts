import { AppError, toPlainError } from '../core/base/errors.ts'
import type { PeerContract, Snapshot } from './contract.ts'

/** A peer worker that says nothing for so long, in ms, after an error that nobody caught is dead: most such errors leave it running. */
const PATIENCE = 10_000

/** What is shown of a peer that said nothing yet. */
export const NOTHING: Snapshot = {
  phase: 'starting',
  peers: 0,
  hosts: 0,
  relayed: 0,
  relays: [],
  space: { files: 0, stored: 0, free: 0 },
  local: { used: 0, quota: 0 },
}

type Call = (...given: unknown[]) => Promise<unknown>

/**
 * `remote`, the peer behind `worker`, but when its script does not load or it dies, every call, open or new, rejects `transient` `peer.crashed`, and
 * whoever watches gets the last snapshot with that `problem`. `died` is called then.
 */
export function guardPeer(worker: EventTarget, remote: PeerContract, died: () => void = () => undefined): PeerContract {
  const open = new Set<(error: AppError) => void>()
  const listeners = new Set<(snapshot: Snapshot) => void>()
  let last = NOTHING
  let end: AppError | undefined
  const crash = (): void => {
    end ??= new AppError('transient', 'peer.crashed', 'the peer worker is gone')
    for (const reject of open) reject(end)
    for (const listener of listeners) listener({ ...last, problem: toPlainError(end) })
    listeners.clear()
    died()
  }
  worker.addEventListener('error', (event) => {
    // Without a message it is the script that did not load. Errors of workers of its own arrive here, too.
    if (!('message' in event)) return crash()
    const timer = setTimeout(crash, PATIENCE)
    const lives = () => clearTimeout(timer)
    remote.owns('').then(lives, lives)
  })
  const guard = (call: Call): Call => (...given) =>
    new Promise((resolve, reject) => {
      open.add(reject)
      void call(...given).then(resolve, reject).finally(() => open.delete(reject))
      if (end !== undefined) reject(end)
    })
  const watch: PeerContract['watch'] = (listener) => {
    listeners.add(listener)
    if (end !== undefined) crash()
    return remote.watch((snapshot) => {
      last = snapshot
      listener(snapshot)
    })
  }
  // Asked by name only, as Comlink's own proxy is.
  const calls = remote as unknown as Readonly<Record<keyof PeerContract, Call>>
  return new Proxy(remote, { get: (_, name: keyof PeerContract) => guard(name === 'watch' ? (watch as Call) : calls[name]) })
}
