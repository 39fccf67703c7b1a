import { toPlainError, type ErrorData } from '../core/base/errors.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where a program says what happened to it. Never secrets, never contents of files. */
export type Log = (level: LogLevel, message: string, data?: ErrorData, error?: unknown) => void

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** A log of one JSON object a line: `{time, level, message, …data, error?}`; what is below `lowest` is left out. */
export function jsonLog(write: (line: string) => void, now: () => number, lowest: LogLevel = 'debug'): Log {
  return (level, message, data = {}, error) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(lowest)) return
    const cause = error === undefined ? {} : { error: toPlainError(error) }
    write(JSON.stringify({ time: new Date(now()).toISOString(), level, message, ...data, ...cause }))
  }
}
