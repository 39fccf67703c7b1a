// Loaded first by the relay: the peer worker that it serves counts its own timers. It says nothing of those that the browser itself has.
import { servedWith } from './served.mjs'

const COUNTER = `{
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
`

servedWith(/peer-worker[^/]*\.js$/, COUNTER)
