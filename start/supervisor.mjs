// The relay and the hosts of one `npm start`, each a process of its own.
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { Child } from './child.mjs'
import { pinnedNode, root } from './tools.mjs'

/** Hosts that load at the same time: starting is all processor work, and more at once only makes each slower. */
const STARTING_AT_ONCE = 4

/** @typedef {import('./options.mjs').Options} Options */

/**
 * The ports of the relays, that of the page first.
 * @param {Options} options
 */
export function relayPorts({ port, relays }) {
  return Array.from({ length: relays }, (_, k) => port + k)
}

/**
 * The address under which this machine reaches its own relay.
 * @param {Pick<Options, 'listen' | 'port'>} options
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
 * Arguments of every child, relays first. Each relay names the others by their port, so that a page reaches them as it reached the first.
 * @param {Options} options
 * @returns {{ name: string, args: string[] }[]}
 */
export function plan(options) {
  const { listen, hosts, data, space } = options
  const ports = relayPorts(options)
  const relay = (/** @type {number} */ port, /** @type {string} */ name) => [
    ...['relay/main.ts', '--port', String(port), '--listen', listen, '--data', join(data, name)],
    ...(port === options.port ? ['--static', join(root, 'dist')] : []),
    ...ports.filter((other) => other !== port).flatMap((other) => ['--also', String(other)]),
  ]
  const known = ports.flatMap((port) => ['--relay', localUrl({ listen, port })])
  const host = (/** @type {number} */ k) => ['daemon/host.ts', '--data', join(data, `host-${k}`), '--space', String(space), ...known]
  const relays = ports.map((port, k) => ({ port, name: k === 0 ? 'relay' : `relay-${k}` }))
  return [
    ...relays.map(({ port, name }) => ({ name, args: relay(port, name) })),
    ...Array.from({ length: hosts }, (_, k) => ({ name: `host-${k}`, args: host(k) })),
  ]
}

export class Supervisor {
  /** @type {Child[]} */
  #relays
  /** @type {Child[]} */
  #hosts
  #stopping = false

  /**
   * @param {Options} options
   * @param {import('./folder.mjs').FolderLock} lock told of every process, so that the next start can wait for orphans
   * @param {(line: string) => void} say
   */
  constructor(options, lock, say) {
    const node = pinnedNode()
    const children = plan(options).map(
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
    this.#relays = children.slice(0, options.relays)
    this.#hosts = children.slice(options.relays)
  }

  /** Starts the relays, then the hosts, which ask them for their addresses. Resolves when all are ready. */
  async start() {
    await Promise.all(this.#relays.map((relay) => relay.start()))
    const waiting = this.#hosts.values()
    const lane = async () => {
      for (const host of waiting) if (!this.#stopping) await host.start()
    }
    await Promise.all(Array.from({ length: STARTING_AT_ONCE }, lane))
  }

  /** Stops the hosts, then the relays, so that hosts can take leave of them. */
  async stop() {
    this.#stopping = true
    await Promise.all(this.#hosts.map((host) => host.stop()))
    await Promise.all(this.#relays.map((relay) => relay.stop()))
  }
}
