/** Runs `task` for 0 … `count` - 1, at most `limit` of them at once. Rejects with the first failure; what was begun goes on. */
export async function atOnce(limit: number, count: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  let failed = false
  const work = async (): Promise<void> => {
    while (next < count && !failed) {
      try {
        await task(next++)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, count) }, work))
}
