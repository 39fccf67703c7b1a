// The relay and the hosts of one `npm start`, each a process of its own.
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { Child } from './child.mjs'
import { pinnedNode, root } from './tools.mjs'

/** Hosts that load at the same time: starting is all processor work, and more at once only makes each slower. */
const STARTING_AT_ONCE = 4

/** @typedef {import('./options.mjs').Options} Options */

/**
 * The address under which this machine reaches its own relay.
 * @param {Options} options
 */
export function localUrl({ listen, port }) {
  const loopback = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[listen]
  return `http://${loopback ?? (isIPv6(listen) ? `[${listen}]` : listen)}:${port}`
}

/**
 * The address that a person opens.
 * @param {Options} options
 */
export function shownUrl(options) {
  const { listen, port } = options
  return ['127.0.0.1', '::1', '0.0.0.0', '::'].includes(listen) ? `http://localhost:${port}` : localUrl(options)
}

/**
 * Arguments of every child, relay first.
 * @param {Options} options
 * @returns {{ name: string, args: string[] }[]}
 */
export function plan(options) {
  const { port, listen, hosts, data, space } = options
  const relay = ['relay/main.ts', '--port', String(port), '--listen', listen, '--data', join(data, 'relay'), '--static', join(root, 'dist')]
  const host = (/** @type {number} */ k) => ['daemon/host.ts', '--data', join(data, `host-${k}`), '--space', String(space), '--relay', localUrl(options)]
  return [
    { name: 'relay', args: relay },
    ...Array.from({ length: hosts }, (_, k) => ({ name: `host-${k}`, args: host(k) })),
  ]
}

export class Supervisor {
  /** @type {Child[]} */
  #children
  #stopping = false

  /**
   * @param {Options} options
   * @param {import('./folder.mjs').FolderLock} lock told of every process, so that the next start can wait for orphans
   * @param {(line: string) => void} say
   */
  constructor(options, lock, say) {
    const node = pinnedNode()
    this.#children = plan(options).map(
      ({ name, args }) =>
        new Child({
          name,
          node,
          args,
          cwd: root,
          restart: options.restart,
          say,
          onStart: (pid) => lock.add(pid),
          onEnd: (pid) => lock.remove(pid),
        }),
    )
  }

  /** Starts the relay, then the hosts, which ask it for its addresses. Resolves when all are ready. */
  async start() {
    const [relay, ...hosts] = this.#children
    await relay?.start()
    const waiting = hosts.values()
    const lane = async () => {
      for (const host of waiting) if (!this.#stopping) await host.start()
    }
    await Promise.all(Array.from({ length: STARTING_AT_ONCE }, lane))
  }

  /** Stops the hosts, then the relay, so that hosts can take leave of it. */
  async stop() {
    this.#stopping = true
    const [relay, ...hosts] = this.#children
    await Promise.all(hosts.map((host) => host.stop()))
    await relay?.stop()
  }
}
