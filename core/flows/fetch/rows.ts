import type { Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, throwIfAborted } from '../../base/errors.ts'
import type { Outcome } from '../../placement/conduct.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PeerKey } from '../../ports/network.ts'
import type { ShardRoot } from '../../ports/shard-store.ts'
import type { PieceRow } from './piece.ts'

/** A request that lags this many times the median of those that are done gets a hedge: another row asked for beside it. */
const LAG = 2
/** No hedge earlier than this; before anything came, not earlier than `FIRST_HEDGE_MS`: the first bytes include connecting. */
const MIN_HEDGE_MS = 400
const FIRST_HEDGE_MS = 1500
/** Hedges beside the rows that are needed, at most: each costs a shard of traffic. */
const MAX_HEDGES = 4
/** A host that has not answered by then counts as stalled, and its row as not to be had. */
const STALL_MS = 20_000

export interface RowDeps {
  readonly clock: Clock
  /** One verified shard of a host. Errors as `ShardClient.get`. */
  readonly get: (host: PeerKey, root: ShardRoot, signal: AbortSignal) => Promise<Bytes>
  /** Told once per answer; `took` in ms, for what came. */
  readonly note: (row: PieceRow, outcome: Outcome, bytes: number, took: number) => void
  /** Told of each request that lags, whenever another is asked for beside it. */
  readonly late: (row: PieceRow) => void
}

export interface FetchedRow {
  readonly index: number
  readonly bytes: Bytes
}

type Answer = { readonly row: PieceRow; readonly started: number } & (
  | { readonly bytes: Bytes }
  | { readonly error: AppError }
)

/**
 * Any `k` of `rows`, asked for in their order: k requests in flight, another for each that fails, and hedges when some lag. Requests that
 * are no longer needed are cancelled. Throws `transient` `chunk.too-few` with `found`, `needed` and `total` when fewer than k can be had; `aborted`.
 */
export async function fetchRows(rows: readonly PieceRow[], k: number, total: number, deps: RowDeps, signal: AbortSignal): Promise<FetchedRow[]> {
  const race = new Race(rows, k, deps, signal)
  try {
    const found = await race.run()
    if (found.length >= k) return found
    throw new AppError('transient', 'chunk.too-few', 'too few pieces could be had', {
      data: { found: found.length, needed: k, total },
      ...(race.lastError === undefined ? {} : { cause: race.lastError }),
    })
  } finally {
    race.close()
  }
}

class Race {
  lastError: AppError | undefined
  private readonly waiting: PieceRow[]
  private readonly found: FetchedRow[] = []
  private readonly times: number[] = []
  private readonly flying = new Map<PieceRow, Promise<Answer>>()
  private readonly controls = new Map<PieceRow, AbortController>()
  private readonly since = new Map<PieceRow, number>()
  private hedges = 0
  private readonly k: number
  private readonly deps: RowDeps
  private readonly signal: AbortSignal
  private readonly done = new AbortController()

  constructor(rows: readonly PieceRow[], k: number, deps: RowDeps, signal: AbortSignal) {
    this.waiting = [...rows]
    this.k = k
    this.deps = deps
    this.signal = signal
  }

  async run(): Promise<FetchedRow[]> {
    while (this.found.length < this.k) {
      throwIfAborted(this.signal)
      while (this.flying.size < this.k - this.found.length + this.hedges && this.waiting.length > 0) this.launch()
      if (this.flying.size === 0) break
      const answer = await this.nextAnswer()
      if (answer === undefined) this.lagging()
      else this.take(answer)
    }
    return this.found
  }

  close(): void {
    this.done.abort()
    for (const control of this.controls.values()) control.abort()
  }

  private launch(): void {
    const row = this.waiting.shift()
    if (row === undefined) return
    const control = new AbortController()
    const started = this.deps.clock.now()
    this.controls.set(row, control)
    this.since.set(row, started)
    this.flying.set(row, this.ask(row, started, AbortSignal.any([this.signal, control.signal])))
  }

  private async ask(row: PieceRow, started: number, signal: AbortSignal): Promise<Answer> {
    try {
      return { row, started, bytes: await this.deps.get(row.host, row.root, signal) }
    } catch (error) {
      return { row, started, error: asAppError(error, 'transient', 'shard.fetch') }
    }
  }

  /** The next answer, or `undefined` when it is time to look for laggards. */
  private async nextAnswer(): Promise<Answer | undefined> {
    const timer = new AbortController()
    const wake = AbortSignal.any([timer.signal, this.done.signal, this.signal])
    const late = this.deps.clock.sleep(this.patience(), wake).then(
      () => undefined,
      () => undefined,
    )
    try {
      return await Promise.race([...this.flying.values(), late])
    } finally {
      timer.abort()
    }
  }

  private take(answer: Answer): void {
    this.forget(answer.row)
    const took = this.deps.clock.now() - answer.started
    if ('bytes' in answer) {
      if (this.hedges > 0) this.hedges--
      this.found.push({ index: answer.row.index, bytes: answer.bytes })
      this.times.push(took)
      this.deps.note(answer.row, 'ok', answer.bytes.length, took)
      return
    }
    this.lastError = answer.error
    const { kind } = answer.error
    if (kind === 'corrupt' || kind === 'absent') this.deps.note(answer.row, kind, 0, took)
    else if (answer.error.code === 'request.timeout') this.deps.note(answer.row, 'stalled', 0, took)
  }

  /** Gives up on those that stalled, and allows one more request beside those that lag. */
  private lagging(): void {
    const now = this.deps.clock.now()
    const patience = this.patience()
    for (const [row, since] of this.since) {
      if (now - since >= patience) this.deps.late(row)
      if (now - since < STALL_MS) continue
      this.controls.get(row)?.abort()
      this.forget(row)
      this.lastError = new AppError('transient', 'request.timeout', 'a host did not answer in time')
      this.deps.note(row, 'stalled', 0, now - since)
    }
    if (this.hedges < MAX_HEDGES) this.hedges++
  }

  private forget(row: PieceRow): void {
    this.flying.delete(row)
    this.controls.delete(row)
    this.since.delete(row)
  }

  private patience(): number {
    if (this.times.length === 0) return FIRST_HEDGE_MS
    const median = [...this.times].sort((a, b) => a - b)[this.times.length >> 1] ?? 0
    return Math.max(MIN_HEDGE_MS, LAG * median)
  }
}
