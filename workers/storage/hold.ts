/** Asks `handle` a question and keeps it from the garbage collector until the answer came. */
export type Hold = <H extends object, T>(handle: H, question: (handle: H) => Promise<T>) => Promise<T>

/** Chromium drops the answer to a file system handle that was garbage-collected while it was asked: the promise then never settles. */
export function holder(): Hold {
  const asked = new Map<symbol, object>()
  return async (handle, question) => {
    const key = Symbol('asked')
    asked.set(key, handle)
    try {
      return await question(handle)
    } finally {
      asked.delete(key)
    }
  }
}
