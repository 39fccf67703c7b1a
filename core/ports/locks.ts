/** Named exclusive locks that die with their holder (Web Locks in a browser). */
export interface Locks {
  /**
   * Runs `task` while `name` is held, waiting for it first. With `ifAvailable`, resolves to `undefined` at once when
   * somebody else holds it.
   */
  hold<T>(name: string, task: () => Promise<T>, options?: { ifAvailable?: boolean; signal?: AbortSignal }): Promise<T | undefined>
}
