import { AppError, isAppError } from '../../../core/base/errors.ts'
import { Bell } from '../../../core/flows/bell.ts'
import { FileEntry } from '../../../core/flows/list/entry.ts'
import { Cutter } from '../../../core/flows/store/cutter.ts'
import type { Keeper } from '../../../core/flows/store/keeper.ts'
import { Outbox } from '../../../core/flows/store/outbox.ts'
import type { FileRecord } from '../../../core/formats/list.ts'
import type { CoderKeys } from '../../../core/ports/coder.ts'
import { MemoryShardStore } from '../../../core/testkit/memory-shard-store.ts'
import { systemClock } from '../../../peer/system.ts'
import { browserCoder } from '../../../workers/coder-workers.ts'
import type { CancelResult } from './results.ts'

/** A store is cancelled at some moment between these, in ms after its beginning: workers that were just started have loaded by then. */
const [EARLIEST, LATEST] = [200, 1000]

/** Workers that have a job which they did not answer yet. */
const busy = new Set<Worker>()
const changed = new Bell()

function watchedWorker(): Worker {
  const worker = new Worker(new URL('../../../workers/coder-worker.ts', import.meta.url), { type: 'module' })
  const post = worker.postMessage.bind(worker)
  const terminate = worker.terminate.bind(worker)
  const left = (): void => {
    busy.delete(worker)
    changed.ring()
  }
  worker.addEventListener('message', left)
  return Object.assign(worker, {
    postMessage: (message: object, transfer: Transferable[]) => {
      if ('job' in message) busy.add(worker)
      post(message, transfer)
    },
    terminate: () => {
      terminate()
      left()
    },
  })
}

/** Cancels the storing of `file` so many times, each at a random moment. */
export async function cancelled(file: File, times: number, keys: CoderKeys): Promise<CancelResult> {
  const pool = browserCoder(watchedWorker)
  const keeper: Pick<Keeper, 'known' | 'keep'> = { known: () => Promise.resolve(undefined), keep: () => Promise.resolve() }
  const cutter = new Cutter({ coder: pool, keeper: keeper as Keeper, outbox: new Outbox(new MemoryShardStore()), redundancy: { k: 10, n: 16 } })
  const result = { idle: [] as number[], fresh: [] as number[] }
  try {
    for (let round = 0; round < times; round++) {
      const stop = new AbortController()
      const entry = new FileEntry('0', { size: file.size, sealedBytes: 0, scanned: false } as FileRecord)
      const storing = cutter.cut(entry, file, keys, stop.signal).then(
        () => { throw new AppError('bug', 'bench.short', 'the file was stored before it was cancelled') },
        (error: unknown) => { if (!isAppError(error, 'aborted')) throw error },
      )
      await systemClock.sleep(EARLIEST + Math.random() * (LATEST - EARLIEST))
      const begin = performance.now()
      stop.abort()
      await storing
      while (busy.size > 0) await changed.wait(new AbortController().signal)
      result.idle.push(performance.now() - begin)
      const again = performance.now()
      await pool.identify([new Blob(['small'])], keys)
      result.fresh.push(performance.now() - again)
    }
  } finally {
    pool.close()
  }
  return result
}
