// The options of `npm start`, read strictly: whatever is not understood is refused with one line.
import { parseArgs } from 'node:util'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { Stop } from './tools.mjs'

export const HELP = `npm start -- [options]

  --port N           where the page and the relay are served (default 8484)
  --listen ADDRESS   the IP address to listen on (default 127.0.0.1, this machine only)
  --hosts N          how many always-on hosts to run beside the relay (default 1)
  --relays N         how many relays to run, each on the port after the one before (default 1)
  --host-space SIZE  how much each host may store, such as 500MB or 20GiB (default 10GiB)
  --data DIR         where keys and data are kept (default .shoal)
  --no-restart       leave a relay or host that crashed as it is, instead of starting it again
  --help             this text`

/** Every host is a process with its own sockets: more than this on one machine is a slip of the finger. */
export const MAX_HOSTS = 256
/** A browser keeps to no more than these. */
export const MAX_RELAYS = 8
/** Less than this holds not even a few shards. */
export const MIN_SPACE = 1_000_000

/** Ports from 1024 on that browsers refuse to open (Fetch standard, "bad port"); the lower ones need root anyway, but for a few. */
const REFUSED_PORTS = [1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080]

/** @type {Readonly<Record<string, number>>} */
const UNITS = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }

/**
 * @typedef {object} Options
 * @property {number} port
 * @property {string} listen IP address
 * @property {number} hosts
 * @property {number} relays the first serves the page on `port`, the others listen on the ports after it
 * @property {number} space bytes that each host may store
 * @property {string} data absolute path
 * @property {boolean} restart whether a crashed child is started again
 * @property {boolean} help
 */

/**
 * A whole number between `least` and `most`.
 * @param {string} name @param {string} text @param {number} least @param {number} most
 */
function wholeNumber(name, text, least, most) {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new Stop(`--${name} must be a whole number from ${least} to ${most}, not "${text}".`)
  }
  return value
}

/**
 * Bytes of a size such as `500MB` or `1.5GiB`.
 * @param {string} text
 */
export function parseSpace(text) {
  const match = /^(\d+(?:\.\d+)?) ?([KMGT]i?B)$/.exec(text)
  const bytes = match === null ? Number.NaN : Math.floor(Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN))
  if (!Number.isSafeInteger(bytes)) throw new Stop(`--host-space must be a size such as 500MB or 20GiB, not "${text}".`)
  if (bytes < MIN_SPACE) throw new Stop(`--host-space must be at least 1MB, not "${text}".`)
  return bytes
}

/** @param {string} text */
function parsePort(text) {
  const port = wholeNumber('port', text, 1, 65_535)
  if (REFUSED_PORTS.includes(port)) throw new Stop(`Browsers do not open port ${port}. Choose another with --port.`)
  return port
}

/** @param {string[]} args */
function read(args) {
  try {
    return parseArgs({
      args,
      strict: true,
      allowPositionals: false,
      options: {
        port: { type: 'string', default: '8484' },
        listen: { type: 'string', default: '127.0.0.1' },
        hosts: { type: 'string', default: '1' },
        relays: { type: 'string', default: '1' },
        'host-space': { type: 'string', default: '10GiB' },
        data: { type: 'string', default: '.shoal' },
        'no-restart': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    const said = error instanceof Error ? error.message.split(/[.\n]/, 1)[0] : String(error)
    throw new Stop(`${said}. "npm start -- --help" lists the options.`)
  }
}

/**
 * Reads the arguments after `npm start --`.
 * @param {string[]} args
 * @returns {Options}
 * @throws {Stop} with the one line to show
 */
export function parseOptions(args) {
  const values = read(args)
  if (isIP(values.listen) === 0) {
    throw new Stop(`--listen must be an IP address such as 0.0.0.0, not "${values.listen}".`)
  }
  if (values.data === '') throw new Stop('--data must name a folder.')
  const port = parsePort(values.port)
  const relays = wholeNumber('relays', values.relays, 1, MAX_RELAYS)
  for (let next = 1; next < relays; next++) parsePort(String(port + next))
  return {
    port,
    relays,
    listen: values.listen,
    hosts: wholeNumber('hosts', values.hosts, 0, MAX_HOSTS),
    space: parseSpace(values['host-space']),
    data: resolve(values.data),
    restart: !values['no-restart'],
    help: values.help,
  }
}
