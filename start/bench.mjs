// `npm run bench -- NAME`: runs bench/NAME/main.ts on the pinned Node, with the page built.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt } from './build.mjs'
import { runInstalled } from './install.mjs'
import { root, runNode, Stop } from './tools.mjs'

await runInstalled(async () => {
  const [name = '', ...rest] = process.argv.slice(2)
  const folder = join(root, 'bench')
  const names = readdirSync(folder).filter((entry) => existsSync(join(folder, entry, 'main.ts')))
  if (!names.includes(name)) {
    throw new Stop(`Name a benchmark: npm run bench -- ${names.length === 0 ? 'NAME (there is none yet)' : names.join(' | ')}`)
  }
  await ensureBuilt()
  return runNode([join('bench', name, 'main.ts'), ...rest])
})
