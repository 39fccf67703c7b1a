import { throwIfAborted } from '../../core/base/errors.ts'
import type { Locks } from '../../core/ports/locks.ts'

/** The `Locks` of this origin (Web Locks API). Throws `aborted`, and whatever the task throws. */
export function webLocks(manager: LockManager): Locks {
  return {
    async hold<T>(name: string, task: () => Promise<T>, options: { ifAvailable?: boolean; signal?: AbortSignal } = {}): Promise<T | undefined> {
      const { signal } = options
      throwIfAborted(signal)
      if (options.ifAvailable === true) {
        return manager.request(name, { ifAvailable: true }, (lock) => (lock === null ? undefined : task()))
      }
      // The API refuses `signal` together with `ifAvailable`; the signal ends only the waiting, never the task.
      const state = { held: false }
      const run = (): Promise<T> => {
        state.held = true
        return task()
      }
      try {
        return await manager.request(name, signal === undefined ? {} : { signal }, run)
      } catch (error) {
        if (!state.held) throwIfAborted(signal)
        throw error
      }
    },
  }
}
