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

Object.assign(fs, {
  /** @param {Parameters<typeof createReadStream>} given */
  createReadStream: (...given) => (isWorker(given[0]) ? Readable.from([COUNTER, fs.readFileSync(String(given[0]))]) : createReadStream(...given)),
})

Object.assign(fsp, {
  /** @param {Parameters<typeof stat>} given */
  stat: async (...given) => {
    const found = await stat(...given)
    return isWorker(given[0]) ? Object.assign(found, { size: Number(found.size) + COUNTER.length }) : found
  },
})
syncBuiltinESMExports()
