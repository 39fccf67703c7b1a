// `npm run lint`: ESLint, then the rules between rooms.
import { buildKernels } from './kernels.mjs'
import { runInstalled } from './install.mjs'
import { isMain, runNode, tool } from './tools.mjs'

const ROOMS = ['core', 'peer', 'relay', 'daemon', 'workers', 'web', 'start', 'e2e', 'bench']

/** @returns {Promise<number>} exit code */
export async function lint() {
  if (!(await buildKernels())) return 1
  const style = await runNode([tool('eslint/bin/eslint.js'), '--max-warnings', '0', '.'])
  const rooms = await runNode([
    tool('dependency-cruiser/bin/dependency-cruiser.mjs'),
    '--config',
    '.dependency-cruiser.mjs',
    ...ROOMS,
  ])
  return style === 0 ? rooms : style
}

if (isMain(import.meta.url)) await runInstalled(lint)
