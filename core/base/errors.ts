/** What an error means for the caller, whatever its code. Only a proven absence is `absent`. */
export type ErrorKind = 'absent' | 'corrupt' | 'transient' | 'quota' | 'denied' | 'aborted' | 'invalid' | 'bug'

/** Small facts that go with an error (counts, sizes, names); never secrets, never file contents. */
export type ErrorData = Readonly<Record<string, string | number | boolean>>

export interface AppErrorOptions {
  readonly data?: ErrorData
  readonly cause?: unknown
}

/** The one error of the project. `code` is stable and dotted (`shard.absent`), `message` is for developers. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: string
  readonly kind: ErrorKind
  readonly data: ErrorData

  constructor(kind: ErrorKind, code: string, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.code = code
    this.data = options.data ?? {}
  }
}

const KINDS: ReadonlySet<string> = new Set<ErrorKind>([
  'absent',
  'corrupt',
  'transient',
  'quota',
  'denied',
  'aborted',
  'invalid',
  'bug',
])

/** Whether `value` is one of the kinds of design.md 8. */
export function isErrorKind(value: unknown): value is ErrorKind {
  return typeof value === 'string' && KINDS.has(value)
}

/** Whether `error` is an `AppError`, of `kind` where one is named. */
export function isAppError(error: unknown, kind?: ErrorKind): error is AppError {
  return error instanceof AppError && (kind === undefined || error.kind === kind)
}

/**
 * Any thrown value as an `AppError`. An `AppError` passes unchanged; an `AbortError` (Node: `ABORT_ERR`) becomes `aborted`;
 * a `QuotaExceededError` and ENOSPC become `quota`; all else is `fallback`, with the value as cause.
 */
export function asAppError(error: unknown, fallback: ErrorKind = 'bug', code = 'unexpected'): AppError {
  if (error instanceof AppError) return error
  const name = nameOf(error)
  const message = error instanceof Error ? error.message : String(error)
  if (name === 'AbortError' || name === 'ABORT_ERR') return new AppError('aborted', 'aborted', message, { cause: error })
  if (name === 'QuotaExceededError' || name === 'ENOSPC' || name === 'EDQUOT') {
    return new AppError('quota', 'storage.full', message, { cause: error })
  }
  return new AppError(fallback, code, message, { cause: error })
}

function nameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  if ('code' in error && typeof error.code === 'string' && error.code !== '') return error.code
  return 'name' in error && typeof error.name === 'string' ? error.name : ''
}

/** An error as plain data, for a message port or a log. Causes are kept to `MAX_CAUSES` deep. */
export interface PlainError {
  readonly kind: ErrorKind
  readonly code: string
  readonly message: string
  readonly data: ErrorData
  readonly cause?: PlainError
}

/** Deeper chains repeat themselves; a cycle of causes must not hang a message port. */
const MAX_CAUSES = 4

/** `error` as structured-cloneable data. */
export function toPlainError(error: unknown, depth = 0): PlainError {
  const app = asAppError(error)
  const plain = { kind: app.kind, code: app.code, message: app.message, data: { ...app.data } }
  // What became an AppError only here says itself what its cause is: that AppError names the error as its own cause.
  const cause = error instanceof Error ? error.cause : undefined
  if (cause === undefined || depth >= MAX_CAUSES) return plain
  return { ...plain, cause: toPlainError(cause, depth + 1) }
}

/** The reverse of `toPlainError`. */
export function fromPlainError(plain: PlainError): AppError {
  const cause = plain.cause === undefined ? {} : { cause: fromPlainError(plain.cause) }
  return new AppError(plain.kind, plain.code, plain.message, { data: plain.data, ...cause })
}

/** Throws `aborted` when `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AppError('aborted', 'aborted', 'cancelled', { cause: signal.reason })
}
