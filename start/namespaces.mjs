// The network namespaces of a NAT lab (docs/operations/nat-lab.md): how they are found and removed. Synchronous, since a process that exits has no time.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

/** Where `ip netns` keeps a name. */
const FOLDER = '/run/netns'

/** What all namespaces of all labs are called, before the number of the run. */
export const LAB = 'shoal-nat-'

/**
 * Removes the namespaces whose names begin with `prefix`, with their processes; their interfaces and rules go with them.
 * @param {string} prefix at least that of all labs
 */
export function removeNamespaces(prefix) {
  if (!prefix.startsWith(LAB)) throw new Error(`${prefix} is no lab`)
  for (const name of namespaces().filter((name) => name.startsWith(prefix))) {
    const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
    for (const pid of stdout.split('\n').map(Number).filter((pid) => pid > 0)) kill(pid)
    spawnSync('ip', ['netns', 'delete', name], { stdio: 'ignore' })
  }
}

/** Removes what runs left behind that were killed before they could clean up. */
export function removeAbandoned() {
  for (const name of namespaces()) {
    const pid = new RegExp(`^${LAB}(\\d+)-`).exec(name)?.[1]
    if (pid !== undefined && !runs(Number(pid))) removeNamespaces(`${LAB}${pid}-`)
  }
}

function namespaces() {
  try {
    return readdirSync(FOLDER)
  } catch {
    return []
  }
}

/** @param {number} pid */
function runs(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}
