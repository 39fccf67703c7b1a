// `npm run test:nat`: browsers behind NATs, in network namespaces (docs/operations/nat-lab.md). Root on Linux only, and no part of `npm test`.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { ensureBuilt } from './build.mjs'
import { ensureChromium } from './chromium.mjs'
import { ensureInstalled } from './install.mjs'
import { LAB, removeAbandoned, removeLab } from './namespaces.mjs'
import { run, runMain, runNode, Stop, tool } from './tools.mjs'

/** What the lab is made of, and the package of Debian that has it. */
const TOOLS = { ip: 'iproute2', iptables: 'iptables', turnserver: 'coturn' }

async function ensureTools() {
  const missing = () => Object.entries(TOOLS).filter(([name]) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0)
  const packages = missing().map(([, name]) => name)
  if (packages.length > 0 && existsSync('/etc/debian_version')) {
    console.log(`Installing ${packages.join(', ')}…`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
    await run('apt-get', ['update', '-q'], { env, quiet: true })
    await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], { env, quiet: true })
    // coturn starts as a service of its own once it is installed, which nobody asked for.
    if (packages.includes('coturn') && existsSync('/run/systemd/system')) await run('systemctl', ['disable', '--now', 'coturn'], { env, quiet: true })
  }
  const names = missing().map(([name]) => name)
  if (names.length > 0) throw new Stop(`The NAT lab needs ${names.join(', ')}: install what is missing.`)
}

await runMain(async () => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Stop('The NAT lab makes network namespaces: it runs on Linux, as root.')
  }
  await ensureTools()
  await ensureInstalled()
  await ensureChromium()
  await ensureBuilt()
  removeAbandoned()
  const prefix = `${LAB}${process.pid}-`
  // Ctrl-C reaches the tests, too; this process stays to clean up behind them.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined)
  try {
    const args = [tool('@playwright/test/cli.js'), 'test', '--config', 'e2e/nat/playwright.config.ts', ...process.argv.slice(2)]
    return await runNode(args, { env: { ...process.env, SHOAL_NAT: prefix } })
  } finally {
    removeLab(prefix)
  }
})
