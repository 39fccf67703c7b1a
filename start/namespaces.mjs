// What a NAT lab (docs/operations/nat-lab.md) is made of, network namespaces and folders: how it is found and removed. Synchronous, since a process that exits has no time.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where `ip netns` keeps a name. */
const FOLDER = '/run/netns'

/** What all namespaces of all labs are called, before the number of the run. */
export const LAB = 'shoal-nat-'

/**
 * Removes the namespaces whose names begin with `prefix`, with their processes; their interfaces and rules go with them. Then the folders of that name.
 * @param {string} prefix at least that of all labs
 */
export function removeLab(prefix) {
  if (!prefix.startsWith(LAB)) throw new Error(`${prefix} is no lab`)
  for (const name of names(FOLDER).filter((name) => name.startsWith(prefix))) {
    const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
    for (const pid of stdout.split('\n').map(Number).filter((pid) => pid > 0)) kill(pid)
    spawnSync('ip', ['netns', 'delete', name], { stdio: 'ignore' })
  }
  for (const name of names(tmpdir()).filter((name) => name.startsWith(prefix))) rmSync(join(tmpdir(), name), { recursive: true, force: true })
}

/** Removes what runs left behind that were killed before they could clean up. */
export function removeAbandoned() {
  for (const name of [...names(FOLDER), ...names(tmpdir())]) {
    const pid = new RegExp(`^${LAB}(\\d+)-`).exec(name)?.[1]
    if (pid !== undefined && !runs(Number(pid))) removeLab(`${LAB}${pid}-`)
  }
}

/** @param {string} folder */
function names(folder) {
  try {
    return readdirSync(folder)
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
