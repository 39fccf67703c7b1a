// Builds the page: kernels, then Vite into a folder of its own that takes the place of dist/ only when it is whole.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInstalled } from './install.mjs'
import { buildKernels } from './kernels.mjs'
import { cache, isMain, root, runNode, Stop, tool } from './tools.mjs'

/** What the page is built from. */
const SOURCES = [
  'core',
  'peer',
  'workers',
  'web',
  'public',
  'index.html',
  'package-lock.json',
  'svelte.config.js',
  'vite.config.ts',
  'start/build.mjs',
  'start/kernels.mjs',
]

const dist = join(root, 'dist')
const stampFile = join(cache, 'build-stamp')

/**
 * Files that count below a source, as paths from the root, in a stable order.
 * @param {string} source
 * @returns {string[]}
 */
function filesOf(source) {
  const path = join(root, source)
  if (!statSync(path).isDirectory()) return [source]
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !/\.(test|gen)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()
}

/** Hash of everything that a build depends on. */
export function sourceStamp() {
  const hash = createHash('sha256').update(process.env['SHOAL_RELAYS'] ?? '')
  for (const file of SOURCES.flatMap(filesOf)) {
    const bytes = readFileSync(join(root, file))
    hash.update(`${file}\0${bytes.length}\0`).update(bytes)
  }
  return hash.digest('hex')
}

/**
 * Builds kernels and page, whether or not anything changed.
 * @param {{ quiet?: boolean }} [options] quiet: Vite is heard only when it fails
 */
export async function build({ quiet = false } = {}) {
  const stamp = sourceStamp()
  if (!(await buildKernels())) throw new Stop('A kernel does not compile: the compiler has said why above.')
  const draft = join(cache, `dist-${process.pid}`)
  const vite = tool('vite/bin/vite.js')
  if ((await runNode([vite, 'build', '--emptyOutDir', '--outDir', draft], { quiet })) !== 0) {
    rmSync(draft, { recursive: true, force: true })
    throw new Stop('The page could not be built: Vite has said why above.')
  }
  rmSync(dist, { recursive: true, force: true })
  renameSync(draft, dist)
  mkdirSync(cache, { recursive: true })
  writeFileSync(stampFile, stamp)
}

/** Builds when the sources changed since the last build. */
export async function ensureBuilt() {
  const fresh = existsSync(join(dist, 'index.html')) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === sourceStamp()
  // Hosts run from the sources, and need the kernels even when the page is as it was.
  if (fresh && (await buildKernels())) return
  console.log('Building…')
  await build({ quiet: true })
}

if (isMain(import.meta.url)) {
  await runInstalled(async () => {
    await build()
    return 0
  })
}
