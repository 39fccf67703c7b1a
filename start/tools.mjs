// What the programs of this folder share: where things are, which Node runs them, how a step is run.
// Plain Node 20 with built-ins only, because it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const cache = join(root, '.cache')

/** A failure whose message is the one line that a person sees. */
export class Stop extends Error {}

/**
 * Whether the module with this URL is the program that was started.
 * @param {string} url
 */
export function isMain(url) {
  const started = process.argv[1]
  return started !== undefined && realpathSync(started) === fileURLToPath(url)
}

/**
 * Runs a program; a `Stop` becomes one line on stderr and exit code 1.
 * @param {() => Promise<number>} main resolves with the exit code
 */
export async function runMain(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}

/** The Node version that Shoal is built for, from package.json. */
function pinnedVersion() {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return String(optionalDependencies.node)
}

/**
 * Path of the Node that runs everything but this folder: the pinned one, else the running one when it is new enough.
 * @returns {string}
 */
export function pinnedNode() {
  const wanted = pinnedVersion()
  const path = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(path)) {
    const version = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout?.trim()
    if (version === `v${wanted}`) return path
  }
  const major = Number(process.versions.node.split('.')[0])
  if (major >= Number(wanted.split('.')[0])) return process.execPath
  throw new Stop(
    `Shoal needs Node ${wanted}, which npm did not install here, and this is Node ${process.versions.node}. ` +
      'Run "npm ci" without --ignore-scripts, or install that version.',
  )
}

/**
 * @typedef {object} RunOptions
 * @property {NodeJS.ProcessEnv} [env]
 * @property {boolean} [quiet] what it prints is shown only when it fails
 */

/**
 * Runs a program with this terminal; resolves with its exit code (1 when a signal ended it).
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<number>}
 */
export function run(command, args, { env = process.env, quiet = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: quiet ? ['inherit', 'pipe', 'pipe'] : 'inherit', env })
    /** @type {Buffer[]} */
    const printed = []
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => printed.push(chunk))
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`)
      resolve(1)
    })
    child.on('close', (code) => {
      if (code !== 0) process.stderr.write(Buffer.concat(printed))
      resolve(code ?? 1)
    })
  })
}

/**
 * Runs a JavaScript or TypeScript file on the pinned Node.
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export function runNode(args, { env = process.env, quiet = false } = {}) {
  const node = pinnedNode()
  const PATH = `${dirname(node)}${delimiter}${env['PATH'] ?? ''}`
  return run(node, args, { env: { ...env, PATH }, quiet })
}

/**
 * Path of the program that an installed package brings.
 * @param {string} file inside node_modules
 */
export function tool(file) {
  return join(root, 'node_modules', file)
}
