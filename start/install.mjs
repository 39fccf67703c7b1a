// Installs the packages when they are missing or not those of the lock.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run, runMain, Stop } from './tools.mjs'

/** @typedef {Record<string, { version?: string, optional?: boolean, devOptional?: boolean, extraneous?: boolean }>} Packages */

/**
 * Packages that a lock file names; empty when there is no readable one.
 * @param {string} path
 * @returns {Packages}
 */
function packagesOf(path) {
  if (!existsSync(path)) return {}
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages ?? {}
  } catch {
    return {}
  }
}

/**
 * Whether what is installed is what the lock names. npm writes its own record last, so a cut-off install has none.
 * @param {Packages} wanted of package-lock.json
 * @param {Packages} present of npm's record in node_modules
 */
export function isInstalled(wanted, present) {
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === '') return true
    const found = present[name]
    if (found !== undefined) return found.version === entry.version
    return entry.optional === true || entry.devOptional === true || entry.extraneous === true
  })
}

/** Runs `npm ci` when the installed packages are not those of the lock. */
export async function ensureInstalled() {
  const wanted = packagesOf(join(root, 'package-lock.json'))
  if (isInstalled(wanted, packagesOf(join(root, 'node_modules', '.package-lock.json')))) return
  console.log('Installing packages…')
  const quiet = ['ci', '--loglevel=error', '--no-audit', '--no-fund']
  const npm = process.env['npm_execpath']
  const code = npm === undefined ? await run('npm', quiet) : await run(process.execPath, [npm, ...quiet])
  if (code !== 0) throw new Stop('The packages could not be installed: npm has said why above.')
}

/**
 * Runs a program that needs the packages.
 * @param {() => Promise<number>} main resolves with the exit code
 */
export function runInstalled(main) {
  return runMain(async () => {
    await ensureInstalled()
    return main()
  })
}
