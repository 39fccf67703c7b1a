// `npm start`: installs what is missing, builds when sources changed, runs relay and hosts until Ctrl-C.
import { createServer } from 'node:net'
import { ensureBuilt } from './build.mjs'
import { claimFolder, FolderLock } from './folder.mjs'
import { ensureInstalled } from './install.mjs'
import { HELP, parseOptions } from './options.mjs'
import { relayPorts, shownUrl, Supervisor } from './supervisor.mjs'
import { runMain, Stop } from './tools.mjs'

/** How often to look whether npm, which started this, is still there. */
const PARENT_POLL_MS = 500

/**
 * Makes sure that a relay will be able to listen.
 * @param {{ port: number, listen: string }} options
 * @returns {Promise<void>}
 */
function checkPort({ port, listen }) {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      /** @type {Readonly<Record<string, string>>} */
      const reasons = {
        EADDRINUSE: `Port ${port} is in use. Stop what uses it, or choose another with --port.`,
        EACCES: `Port ${port} may not be used by you. Choose one above 1023 with --port.`,
        EADDRNOTAVAIL: `This machine does not have the address ${listen} that --listen names.`,
      }
      reject(new Stop(reasons[error.code ?? ''] ?? `Port ${port} cannot be opened: ${error.message}.`))
    })
    server.listen(port, listen, () => server.close(() => resolve()))
  })
}

/**
 * Resolves when this program is asked to end: Ctrl-C, a signal, or npm gone without a word. (package.json says
 * `exec node …`, or a shell would stand between npm and this program and swallow signals.)
 */
function askedToStop() {
  const parent = process.ppid
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, resolve)
    if (process.env['npm_lifecycle_event'] === 'start') {
      setInterval(() => process.ppid !== parent && resolve(undefined), PARENT_POLL_MS).unref()
    }
  })
}

/**
 * @param {import('./options.mjs').Options} options
 * @param {FolderLock} lock
 */
async function supervise(options, lock) {
  const asked = askedToStop()
  const supervisor = new Supervisor(options, lock, (line) => console.error(line))
  try {
    const relays = options.relays === 1 ? 'the relay' : `${options.relays} relays`
    console.log(`Starting ${relays} and ${options.hosts} host${options.hosts === 1 ? '' : 's'}…`)
    const started = supervisor.start().then(() => {
      console.log(`Shoal is ready: ${shownUrl(options)}  (Ctrl-C stops it)`)
      return asked
    })
    await Promise.race([started, asked])
  } finally {
    await supervisor.stop()
  }
}

await runMain(async () => {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) {
    console.log(HELP)
    return 0
  }
  claimFolder(options.data)
  const lock = await FolderLock.take(options.data)
  try {
    for (const port of relayPorts(options)) await checkPort({ port, listen: options.listen })
    await ensureInstalled()
    await ensureBuilt()
    await supervise(options, lock)
  } finally {
    lock.release()
  }
  return 0
})
