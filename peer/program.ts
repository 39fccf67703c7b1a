import { fstatSync } from 'node:fs'
import { AppError, isAppError } from '../core/base/errors.ts'
import { jsonLog, type Log } from './log.ts'
import { relayOrigin } from './relay-info.ts'

/** How long a program may take to leave in good order; the supervisor kills it after 10 s. */
const LEAVE_WITHIN_MS = 8000

export interface Running {
  /** Goes into the line that says that the program is ready. */
  readonly ready: Readonly<Record<string, string | number>>
  close(): Promise<void>
}

/**
 * Runs a program of the supervisor's: prints `{"ready":true,…}` on stdout once `start` resolved, or `{"error":"sentence"}` and exit code 1;
 * with `--help` it prints `help` and leaves; else it leaves on SIGTERM and SIGINT, and when its stdin is a pipe that ends: so it never outlives its supervisor. Logs go to stderr.
 */
export async function runProgram(start: (log: Log) => Promise<Running>, help: string): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${help}\n`)
    return
  }
  const log = jsonLog((line) => process.stderr.write(`${line}\n`), Date.now, 'warn')
  const stopped = stopAsked()
  // A promise that libp2p forgot must not take everybody's relay down.
  process.on('unhandledRejection', (error) => log('error', 'a rejection that nobody handled', {}, error))
  try {
    const running = await Promise.race([start(log), stopped])
    if (running !== undefined) {
      say({ ready: true, ...running.ready })
      await stopped
      const late = setTimeout(() => process.exit(0), LEAVE_WITHIN_MS)
      await running.close()
      clearTimeout(late)
    }
    process.exit(0)
  } catch (error) {
    say({ error: sentence(error) })
    if (!isAppError(error)) log('error', 'cannot go on', {}, error)
    process.exitCode = 1
    // Exiting at once could cut off the line above.
    setImmediate(() => process.exit(1))
  }
}

function stopAsked(): Promise<undefined> {
  return new Promise((resolve) => {
    const stop = () => resolve(undefined)
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
    if (!hasPipe()) return
    process.stdin.once('end', stop)
    process.stdin.once('error', stop)
    process.stdin.resume()
  })
}

/** Whether somebody holds the other end of stdin. A service manager gives /dev/null, which ends at once; a terminal stops who reads it in the background. */
function hasPipe(): boolean {
  const stdin = fstatSync(0)
  return stdin.isFIFO() || stdin.isSocket()
}

function say(news: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(news)}\n`)
}

/** What a person can do something about, in one line. */
function sentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replace(/\s+/g, ' ').replace(/([^.])$/, '$1.')
}

/** The value of `text` as a port number. Throws `invalid` `option.port`. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN
  if (!(port <= 65535)) throw new AppError('invalid', 'option.port', `--port must be a number from 0 to 65535, not "${text}"`)
  return port
}

/** `text`, the value of option `name`, as the origin of a relay. Throws `invalid` `option.origin`. */
export function parseOrigin(name: string, text: string): string {
  try {
    return relayOrigin(text)
  } catch (cause) {
    throw new AppError('invalid', 'option.origin', `--${name} must be an address such as https://relay.example, not "${text}"`, { cause })
  }
}

/** What `parseArgs` of Node threw, as `invalid` `option.unknown` with its first sentence: the rest is advice for authors of commands. */
export function misread(cause: unknown): AppError {
  const said = cause instanceof Error ? cause.message : String(cause)
  return new AppError('invalid', 'option.unknown', said.split(/\.(?=\s|$)/, 1)[0] ?? said, { cause })
}
