// Compiles the AssemblyScript kernels: core/<room>/assembly/{scalar,simd,relaxed}.ts, those that are there, become core/<room>/kernel.gen.ts, a
// module that holds the WebAssembly bytes as base64, so that browsers' workers and Node load them alike, without a fetch.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, writeFileSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runInstalled } from './install.mjs'
import { cache, isMain, root, runNode, tool } from './tools.mjs'

/** Flags of the compiler: no runtime and no garbage collection, since kernels work in a memory that the caller lays out. */
const FLAGS = ['-O3', '--converge', '--runtime', 'stub', '--noAssert', '--use', 'abort=']

/** What each build may use of WebAssembly, on top of what all browsers have. */
const BUILDS = { scalar: [], simd: ['--enable', 'simd'], relaxed: ['--enable', 'simd', '--enable', 'relaxed-simd'] }

/** Rooms of core that have kernels. */
function kernelRooms() {
  return readdirSync(join(root, 'core'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, 'core', entry.name, 'assembly')))
    .map((entry) => entry.name)
}

/**
 * Hash of what the kernels of a room are made from: their sources, the flags, the compiler.
 * @param {string} folder
 */
function fingerprint(folder) {
  const hash = createHash('sha256').update(JSON.stringify([FLAGS, BUILDS]))
  hash.update(readFileSync(join(root, 'node_modules', 'assemblyscript', 'package.json')))
  hash.update(readFileSync(new URL(import.meta.url)))
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(folder, name)))
  }
  return hash.digest('hex')
}

/**
 * @param {string} room
 * @param {string} mark
 * @param {Record<string, Buffer>} builds
 */
function moduleText(room, mark, builds) {
  const lines = Object.entries(builds).map(([name, wasm]) => `  ${name}: '${wasm.toString('base64')}',\n`)
  return `// Made by start/kernels.mjs from core/${room}/assembly; not for editing. ${mark}

/** The WebAssembly modules of core/${room} in base64, by what they need. */
export const kernels = {
${lines.join('')}}
`
}

/**
 * One build of a room's kernel, or `undefined` when it does not compile; the compiler has said why.
 * @param {string} room
 * @param {string} build
 * @param {string[]} features
 * @returns {Promise<Buffer | undefined>}
 */
async function compile(room, build, features) {
  mkdirSync(cache, { recursive: true })
  const wasm = join(cache, `${room}.${build}.${process.pid}.wasm`)
  const asc = tool('assemblyscript/bin/asc.js')
  if ((await runNode([asc, join('core', room, 'assembly', `${build}.ts`), '-o', wasm, ...FLAGS, ...features])) !== 0) return undefined
  const bytes = readFileSync(wasm)
  rmSync(wasm)
  return bytes
}

/**
 * Compiles every kernel whose sources changed since it was last made.
 * @returns {Promise<boolean>} false when one does not compile; the compiler has said why
 */
export async function buildKernels() {
  for (const room of kernelRooms()) {
    const folder = join(root, 'core', room, 'assembly')
    const target = join(root, 'core', room, 'kernel.gen.ts')
    const mark = fingerprint(folder)
    if (existsSync(target) && readFileSync(target, 'utf8').split('\n', 1)[0]?.endsWith(mark)) continue
    /** @type {Record<string, Buffer>} */
    const builds = {}
    for (const [build, features] of Object.entries(BUILDS)) {
      if (!existsSync(join(folder, `${build}.ts`))) continue
      const wasm = await compile(room, build, features)
      if (wasm === undefined) return false
      builds[build] = wasm
    }
    const draft = `${target}.${process.pid}`
    writeFileSync(draft, moduleText(room, mark, builds))
    renameSync(draft, target)
  }
  return true
}

if (isMain(import.meta.url)) await runInstalled(async () => ((await buildKernels()) ? 0 : 1))
