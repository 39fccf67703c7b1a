// The data folder of one running Shoal: writable, and nobody else's.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Stop } from './tools.mjs'

/** Children of a supervisor that was killed notice it by their closed stdin; they get this long to let go of port and data. */
const ORPHANS_LEAVE_MS = 10_000
const POLL_MS = 100
/** A supervisor whose npm was killed, or which was just asked to stop, leaves within this time as a rule. */
const HOLDER_LEAVES_MS = 5_000
/** Two programs that both found a stale lock have both written theirs after this long; the last one holds it. */
const SETTLE_MS = 100

/** @param {unknown} error */
function reasonOf(error) {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  /** @type {Readonly<Record<string, string>>} */
  const reasons = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    ENOTDIR: 'part of the path is not a folder',
    EEXIST: 'it is not a folder',
    EROFS: 'the disk is read-only',
    ENOSPC: 'the disk is full',
    ENOENT: 'the path does not exist',
  }
  return reasons[code] ?? (error instanceof Error ? error.message : String(error))
}

/**
 * Makes the folder if needed, and makes sure that it can be written.
 * @param {string} path
 * @throws {Stop}
 */
export function claimFolder(path) {
  const probe = join(path, `probe-${process.pid}`)
  try {
    mkdirSync(path, { recursive: true })
    writeFileSync(probe, '')
    rmSync(probe)
  } catch (error) {
    throw new Stop(`Shoal cannot write to ${path}: ${reasonOf(error)}.`)
  }
}

/**
 * Whether a process lives, and where that can be seen, is one of ours rather than a stranger with a recycled number.
 * @param {number} pid
 */
function lives(pid) {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  if (process.platform !== 'linux') return true
  try {
    return /(start\.mjs|main\.ts|host\.ts)/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  } catch {
    return false
  }
}

/**
 * Waits until none of these processes lives any more; false when some still do after `ms` milliseconds.
 * @param {number} ms @param {readonly number[]} pids
 */
async function goneWithin(ms, pids) {
  const deadline = Date.now() + ms
  while (pids.some(lives)) {
    if (Date.now() >= deadline) return false
    await sleep(POLL_MS)
  }
  return true
}

/** @typedef {{ pid: number, children: number[] }} Holder */

/**
 * Who holds, or held, the lock.
 * @param {string} file
 * @returns {Holder | undefined}
 */
function holderOf(file) {
  try {
    const { pid, children } = JSON.parse(readFileSync(file, 'utf8'))
    return { pid: Number(pid), children: Array.isArray(children) ? children.map(Number) : [] }
  } catch {
    return undefined
  }
}

/** The mark of the one supervisor of a data folder: its process and those of its children. */
export class FolderLock {
  #file
  /** @type {Set<number>} */
  #children = new Set()

  /** @param {string} file */
  constructor(file) {
    this.#file = file
  }

  /**
   * Takes the lock, waiting for what a killed supervisor left running.
   * @param {string} folder
   * @throws {Stop} when another supervisor holds it
   */
  static async take(folder) {
    const file = join(folder, 'lock.json')
    const before = holderOf(file)
    // In a container that was killed and started again, the old process had the very number that this one has.
    const isOther = before !== undefined && before.pid !== process.pid
    if (isOther && !(await goneWithin(HOLDER_LEAVES_MS, [before.pid]))) {
      throw new Stop(`Another Shoal already runs on ${folder} (process ${before.pid}). Stop it, or choose another folder with --data.`)
    }
    const lock = new FolderLock(file)
    lock.#write()
    await sleep(before === undefined ? 0 : SETTLE_MS)
    const now = holderOf(file)
    if (now?.pid !== process.pid) throw new Stop(`Another Shoal started on ${folder} at the same time.`)
    await goneWithin(ORPHANS_LEAVE_MS, before?.children ?? [])
    return lock
  }

  /** @param {number} pid */
  add(pid) {
    this.#children.add(pid)
    this.#write()
  }

  /** @param {number} pid */
  remove(pid) {
    this.#children.delete(pid)
    this.#write()
  }

  release() {
    rmSync(this.#file, { force: true })
  }

  #write() {
    const draft = `${this.#file}.${process.pid}`
    writeFileSync(draft, JSON.stringify({ pid: process.pid, children: [...this.#children] }))
    renameSync(draft, this.#file)
  }
}
