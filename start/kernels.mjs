// Compiles the AssemblyScript kernels: core/<room>/assembly/index.ts becomes core/<room>/kernel.gen.ts, a module that
// holds the WebAssembly bytes as base64, so that browsers' workers and Node load it alike, without a fetch.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, writeFileSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runInstalled } from './install.mjs'
import { cache, isMain, root, runNode, tool } from './tools.mjs'

/** Flags of the compiler: no runtime and no garbage collection, since kernels work in a memory that the caller lays out. */
const FLAGS = ['-O3', '--converge', '--runtime', 'stub', '--noAssert', '--use', 'abort=', '--enable', 'simd']

/** Rooms of core that have a kernel. */
function kernelRooms() {
  return readdirSync(join(root, 'core'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, 'core', entry.name, 'assembly', 'index.ts')))
    .map((entry) => entry.name)
}

/**
 * Hash of what a kernel is made from: its sources, the flags, the compiler.
 * @param {string} folder
 */
function fingerprint(folder) {
  const hash = createHash('sha256').update(JSON.stringify(FLAGS))
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
 * @param {Buffer} wasm
 */
function moduleText(room, mark, wasm) {
  return `// Made by start/kernels.mjs from core/${room}/assembly; not for editing. ${mark}
const base64 = '${wasm.toString('base64')}'
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** The WebAssembly module of core/${room}, ${wasm.length} bytes, freshly decoded. */
export function kernelBytes(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(${wasm.length})
  let bits = 0
  let held = 0
  let at = 0
  for (const character of base64) {
    if (character === '=') break
    held = (held << 6) | alphabet.indexOf(character)
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (held >> bits) & 0xff
    }
  }
  return bytes
}
`
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
    mkdirSync(cache, { recursive: true })
    const wasm = join(cache, `${room}.${process.pid}.wasm`)
    const asc = tool('assemblyscript/bin/asc.js')
    if ((await runNode([asc, join('core', room, 'assembly', 'index.ts'), '-o', wasm, ...FLAGS])) !== 0) return false
    const draft = `${target}.${process.pid}`
    writeFileSync(draft, moduleText(room, mark, readFileSync(wasm)))
    renameSync(draft, target)
    rmSync(wasm)
  }
  return true
}

if (isMain(import.meta.url)) await runInstalled(async () => ((await buildKernels()) ? 0 : 1))
