// One supervised process: started, heard, started again when it crashes, stopped.
//
// What a child promises: it prints one JSON line on stdout, {"ready":true,…} when it serves, or {"error":"sentence"}
// before it exits with 1; and it exits when its stdin ends, so that none outlives a supervisor that was killed.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Stop } from './tools.mjs'

/** A child that is not ready by then hangs; sixteen hosts on two busy cores need a fraction of it. */
const READY_WITHIN_MS = 120_000
/** A child that ends this often before it was ever ready will not do better the next time. */
const MAX_EARLY_ENDS = 3
/** Waits between restarts double from the first to the last, and start over after a child was up for long enough. */
const FIRST_WAIT_MS = 500
const LAST_WAIT_MS = 30_000
const LONG_ENOUGH_MS = 60_000
/** How long a child may take to leave in good order before it is killed. */
const LEAVE_WITHIN_MS = 10_000

/**
 * @typedef {object} ChildInit
 * @property {string} name what a person calls it
 * @property {string} node path of the Node that runs it
 * @property {readonly string[]} args file and arguments
 * @property {string} cwd
 * @property {boolean} restart whether it is started again when it ends by itself
 * @property {(line: string) => void} say where news go
 * @property {(pid: number) => void} [onStart]
 * @property {(pid: number) => void} [onEnd]
 * @property {number} [firstWait] milliseconds before the first restart
 */

export class Child {
  #init
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process
  /** @type {PromiseWithResolvers<void>} */
  #ready
  #wasReady = false
  #stopping = false
  #ends = 0
  #startedAt = 0
  #error = ''
  /** @type {NodeJS.Timeout | undefined} */
  #timer

  /** @param {ChildInit} init */
  constructor(init) {
    this.#init = init
    /** @type {() => void} */
    let resolve = () => {}
    /** @type {(reason: unknown) => void} */
    let reject = () => {}
    /** @type {Promise<void>} */
    const promise = new Promise((yes, no) => {
      resolve = yes
      reject = no
    })
    this.#ready = { promise, resolve, reject }
  }

  /** Process id while it runs. */
  get pid() {
    return this.#process?.pid
  }

  /**
   * Starts it; resolves when it is ready for the first time.
   * @returns {Promise<void>}
   * @throws {Stop} with its own sentence, or when it ends again and again
   */
  start() {
    this.#spawn()
    return this.#ready.promise
  }

  /** Asks it to leave, and makes it leave when it does not. Resolves when it is gone. */
  async stop() {
    this.#stopping = true
    clearTimeout(this.#timer)
    const child = this.#process
    if (child === undefined) return
    const gone = new Promise((resolve) => child.once('close', resolve))
    const killer = setTimeout(() => child.kill('SIGKILL'), LEAVE_WITHIN_MS)
    child.stdin?.end()
    child.kill('SIGTERM')
    await gone
    clearTimeout(killer)
  }

  #spawn() {
    const { node, args, cwd, onStart } = this.#init
    this.#error = ''
    this.#startedAt = Date.now()
    // A group of its own: Ctrl-C reaches the supervisor alone, which then stops everything in order.
    const child = spawn(node, args, { cwd, stdio: ['pipe', 'pipe', 'inherit'], detached: true })
    this.#process = child
    this.#timer = setTimeout(() => child.kill('SIGKILL'), READY_WITHIN_MS)
    // Writing to a child that just ended fails; its end is handled where it is noticed.
    child.stdin.on('error', () => {})
    child.on('error', (error) => (this.#error = error.message))
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line))
    child.on('close', (code, signal) => this.#onClose(child.pid, signal ?? `code ${code}`))
    if (child.pid !== undefined) onStart?.(child.pid)
  }

  /** @param {string} line */
  #hear(line) {
    const news = parseNews(line)
    if (news === undefined) {
      this.#init.say(`${this.#init.name}: ${line}`)
    } else if (typeof news['error'] === 'string') {
      this.#error = news['error']
    } else if (news['ready'] === true) {
      clearTimeout(this.#timer)
      if (this.#wasReady) this.#init.say(`${this.#init.name} is back.`)
      this.#wasReady = true
      this.#ready.resolve()
    }
  }

  /** @param {number | undefined} pid @param {string} how */
  #onClose(pid, how) {
    const { name, restart, say, onEnd } = this.#init
    clearTimeout(this.#timer)
    this.#process = undefined
    if (pid !== undefined) onEnd?.(pid)
    if (this.#stopping) return
    if (Date.now() - this.#startedAt >= LONG_ENOUGH_MS) this.#ends = 0
    this.#ends++
    if (!this.#wasReady && (this.#error !== '' || !restart || this.#ends >= MAX_EARLY_ENDS)) {
      this.#ready.reject(new Stop(this.#error === '' ? `The ${name} does not start: it ended with ${how}.` : this.#error))
      return
    }
    const said = this.#error === '' ? `it ended with ${how}` : this.#error
    if (!restart) {
      say(`${name} is down: ${said}.`)
      return
    }
    const wait = Math.min(LAST_WAIT_MS, (this.#init.firstWait ?? FIRST_WAIT_MS) * 2 ** (this.#ends - 1))
    say(`${name} is down: ${said.replace(/\.$/, '')}. Starting it again in ${(wait / 1000).toFixed(1)} s.`)
    this.#timer = setTimeout(() => this.#spawn(), wait)
  }
}

/**
 * The object in a JSON line, if it is one.
 * @param {string} line
 * @returns {Record<string, unknown> | undefined}
 */
function parseNews(line) {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
