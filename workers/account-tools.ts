import type { Bytes } from '../core/base/bytes.ts'
import { AppError, fromPlainError } from '../core/base/errors.ts'
import type { Stretch } from '../core/account/locker.ts'
import type { Strength } from '../core/account/strength.ts'
import type { Clock } from '../core/ports/clock.ts'
import { systemClock } from '../peer/system.ts'
import type { AccountCall, AccountReply, AccountRequest } from './account-serve.ts'

/** A worker that nobody asked for so long, in ms, ends: it holds on to the 64 MiB of Argon2id, and to dictionaries. */
const IDLE_MS = 60_000

/** What takes much time and memory with an account, away from who asks. */
export interface AccountTools {
  /** Argon2id. Throws as `core/account/stretch.ts`; `transient` `account.crashed`. */
  readonly stretch: Stretch
  /** How hard a password of the account `name` is to guess. Throws `transient` `strength.unavailable`, `account.crashed`. */
  strength(password: string, name: string): Promise<Strength>
  /** What is under way, and asked for later, rejects `aborted`. */
  close(): void
}

/** Tools in a worker that is there while it is needed. `spawn` starts `account-worker.ts`. */
export function accountTools(spawn: () => Worker, clock: Pick<Clock, 'sleep'> = systemClock): AccountTools {
  const line = new WorkerLine(spawn, clock)
  return {
    stretch: (...args) => line.call({ name: 'stretch', args }) as Promise<Bytes>,
    strength: (...args) => line.call({ name: 'strength', args }) as Promise<Strength>,
    close: () => {
      line.close()
    },
  }
}

/** Calls to a worker that begins with the first of them, ends some time after the last, and is replaced when it dies. */
class WorkerLine {
  private readonly spawn: () => Worker
  private readonly clock: Pick<Clock, 'sleep'>
  private readonly open = new Map<number, PromiseWithResolvers<unknown>>()
  private worker: Worker | undefined
  /** Whether the worker failed at something: no module that once did not load is loaded again in the same realm. */
  private worn = false
  private idle = new AbortController()
  private calls = 0
  private closed = false

  constructor(spawn: () => Worker, clock: Pick<Clock, 'sleep'>) {
    this.spawn = spawn
    this.clock = clock
  }

  async call(call: AccountCall): Promise<unknown> {
    if (this.closed) throw closed()
    this.idle.abort()
    this.worker ??= this.start()
    const id = ++this.calls
    const answer = Promise.withResolvers<unknown>()
    this.open.set(id, answer)
    this.worker.postMessage({ ...call, id } satisfies AccountRequest)
    return await answer.promise
  }

  close(): void {
    this.closed = true
    this.idle.abort()
    this.end(closed())
  }

  private start(): Worker {
    const worker = this.spawn()
    const crashed = (message: string): void => {
      if (this.worker === worker) this.end(new AppError('transient', 'account.crashed', message))
    }
    worker.onmessage = ({ data }: MessageEvent<AccountReply>) => {
      if (this.worker === worker) this.answered(data)
    }
    worker.onmessageerror = () => {
      crashed('an answer that cannot be read')
    }
    worker.onerror = (event) => {
      event.preventDefault()
      // A script that does not load has no message.
      crashed(event.message || 'the worker did not start')
    }
    return worker
  }

  private answered(reply: AccountReply): void {
    const answer = this.open.get(reply.id)
    this.open.delete(reply.id)
    if ('error' in reply) {
      this.worn = true
      answer?.reject(fromPlainError(reply.error))
    } else {
      answer?.resolve(reply.value)
    }
    if (this.open.size > 0) return
    if (this.worn) this.drop()
    else void this.rest()
  }

  private async rest(): Promise<void> {
    const { signal } = (this.idle = new AbortController())
    try {
      await this.clock.sleep(IDLE_MS, signal)
      this.drop()
    } catch {
      // It is needed again.
    }
  }

  /** Ends the worker, and all calls with `error`. */
  private end(error: AppError): void {
    this.drop()
    const answers = [...this.open.values()]
    this.open.clear()
    for (const { reject } of answers) reject(error)
  }

  private drop(): void {
    this.worker?.terminate()
    this.worker = undefined
    this.worn = false
  }
}

function closed(): AppError {
  return new AppError('aborted', 'aborted', 'the account tools are closed')
}
