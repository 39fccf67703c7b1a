// `npm run types`: every room against its own tsconfig, then the Svelte screens.
import { buildKernels } from './kernels.mjs'
import { runInstalled } from './install.mjs'
import { isMain, runNode, tool } from './tools.mjs'

/** @returns {Promise<number>} exit code */
export async function checkTypes() {
  if (!(await buildKernels())) return 1
  const rooms = await runNode([tool('typescript/bin/tsc'), '-b'])
  const web = await runNode([
    tool('svelte-check/bin/svelte-check'),
    '--tsconfig',
    'web/tsconfig.json',
    '--fail-on-warnings',
    '--output',
    'human',
  ])
  return rooms === 0 ? web : rooms
}

if (isMain(import.meta.url)) await runInstalled(checkTypes)
