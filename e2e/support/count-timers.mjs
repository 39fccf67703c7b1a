// Loaded first by the relay: the peer worker that it serves counts its own timers. It says nothing of those that the browser itself has.
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { Readable } from 'node:stream'

const COUNTER = Buffer.from(`{
  const waiting = (globalThis.waitingTimers = new Set())
  for (const [set, clear, once] of [['setTimeout', 'clearTimeout', true], ['setInterval', 'clearInterval', false]]) {
    const [real, end] = [globalThis[set], globalThis[clear]]
    globalThis[set] = (act, ...rest) => {
      const id = real((...given) => {
        if (once) waiting.delete(id)
        act(...given)
      }, ...rest)
      waiting.add(id)
      return id
    }
    globalThis[clear] = (id) => {
      waiting.delete(id)
      end(id)
    }
  }
}
`)

/** @param {unknown} path */
const isWorker = (path) => /peer-worker[^/]*\.js$/.test(String(path))

const { createReadStream } = fs
const { stat } = fsp

/** @type {any} */
const streams = (/** @type {any} */ path, /** @type {any} */ ...rest) => (isWorker(path) ? Readable.from([COUNTER, fs.readFileSync(path)]) : createReadStream(path, ...rest))
fs.createReadStream = streams

/** @type {any} */
const stats = async (/** @type {any} */ path, /** @type {any} */ ...rest) => {
  const found = await stat(path, ...rest)
  if (isWorker(path)) found.size += COUNTER.length
  return found
}
fsp.stat = stats
syncBuiltinESMExports()
