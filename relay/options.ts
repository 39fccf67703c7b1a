import { isIPv4, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { parseArgs } from 'node:util'
import { AppError } from '../core/base/errors.ts'
import { misread, parseOrigin, parsePort } from '../peer/program.ts'
import { isTurnUrl, MAX_RELAYS, originAddress, webSocketAddress } from '../peer/relay-info.ts'

/** The TURN server that a relay leads to, with a fixed name and password or, better, the secret of which both are made. */
export interface TurnOptions {
  readonly urls: readonly string[]
  readonly login: { readonly username: string; readonly credential: string } | { readonly secret: string }
}

export const HELP = `Introduces peers to each other and serves the page. Prints one line of JSON once it is ready; logs go to the error output.

  --port N              TCP port of HTTP and WebSocket, and UDP port of STUN (default 8484)
  --listen ADDRESS      IP address to listen on (default 127.0.0.1)
  --data DIR            its folder: key, and what it knows of the swarm
  --static DIR          the built page, to be served
  --announce URL        origin under which others reach it, such as https://relay.example; repeatable
  --also URL            a further relay of the swarm; repeatable
  --turn URL            an address of a TURN server; repeatable, with
  --turn-secret TEXT    the secret that it shares with the relay, or
  --turn-user NAME, --turn-password TEXT   a fixed login`

export interface RelayOptions {
  /** 0 = any free one. */
  readonly port: number
  readonly listen: string
  /** Folder of key and datastore. */
  readonly data: string
  /** Folder of the built page, when the relay serves one. */
  readonly files?: string
  /** Origins under which others reach this relay, when it cannot know by itself (behind a proxy). */
  readonly announce: readonly string[]
  /** Further relays of the swarm: origins, or ports of this same machine. */
  readonly also: readonly (string | number)[]
  readonly turn?: TurnOptions
}

/** URLs of one TURN server: UDP, TCP and TLS. */
const MAX_TURN_URLS = 4
/** Characters of what is said to a TURN server. */
const MAX_CREDENTIAL = 256

/** Reads the command line. Throws `invalid` `option.…` with a sentence for people. */
export function parseOptions(args: readonly string[]): RelayOptions {
  const { values } = parse(args)
  const { port = '8484', listen = '127.0.0.1', data, announce = [], also = [] } = values
  if (data === undefined || data === '') throw new AppError('invalid', 'option.data', '--data must name a folder')
  if (!isIPv4(listen) && !isIPv6(listen)) throw new AppError('invalid', 'option.listen', `--listen must be an IP address, not "${listen}"`)
  const files = values.static === undefined ? {} : { files: values.static }
  if (also.length >= MAX_RELAYS) throw new AppError('invalid', 'option.also', `--also may name ${MAX_RELAYS - 1} relays at most`)
  const turn = parseTurn(values)
  return {
    port: parsePort(port),
    listen,
    data,
    ...files,
    announce: announce.map((text) => parseOrigin('announce', text)),
    also: also.map((text) => (/^\d+$/.test(text) ? parsePort(text) : parseOrigin('also', text))),
    ...(turn === undefined ? {} : { turn }),
  }
}

function parseTurn(values: ReturnType<typeof parse>['values']): TurnOptions | undefined {
  const { turn: urls = [], 'turn-user': username, 'turn-password': credential, 'turn-secret': secret } = values
  const said = [username, credential, secret].filter((text) => text !== undefined)
  if (urls.length === 0 && said.length === 0) return undefined
  const bad = urls.find((url) => !isTurnUrl(url))
  if (bad !== undefined) throw new AppError('invalid', 'option.turn', `--turn must be an address such as turn:turn.example:3478?transport=udp, not "${bad}"`)
  if (urls.length === 0 || urls.length > MAX_TURN_URLS) throw new AppError('invalid', 'option.turn', `--turn must name 1 to ${MAX_TURN_URLS} addresses of one server`)
  if (said.some((text) => text === '' || text.length > MAX_CREDENTIAL)) throw new AppError('invalid', 'option.turn', `--turn-… must have 1 to ${MAX_CREDENTIAL} characters`)
  if (secret !== undefined && said.length === 1) return { urls, login: { secret } }
  if (username !== undefined && credential !== undefined && secret === undefined) return { urls, login: { username, credential } }
  throw new AppError('invalid', 'option.turn', '--turn needs either --turn-secret, or --turn-user and --turn-password')
}

/** Origins of the further relays, for somebody who reached this one as `hostname`. */
export function furtherRelays({ also }: RelayOptions, hostname: string): string[] {
  return also.map((relay) => (typeof relay === 'number' ? new URL(`http://${hostname}:${relay}`).origin : relay))
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        listen: { type: 'string' },
        data: { type: 'string' },
        static: { type: 'string' },
        announce: { type: 'string', multiple: true },
        also: { type: 'string', multiple: true },
        turn: { type: 'string', multiple: true },
        'turn-user': { type: 'string' },
        'turn-password': { type: 'string' },
        'turn-secret': { type: 'string' },
      },
    })
  } catch (cause) {
    throw misread(cause)
  }
}

/** Multiaddrs under which libp2p says it is reached: what was announced, else the addresses of this machine that `listen` covers. */
export function announced({ announce, listen }: RelayOptions, port: number): string[] {
  if (announce.length > 0) return announce.map(originAddress)
  if (listen !== '0.0.0.0' && listen !== '::') return [webSocketAddress(listen, port)]
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const usable = all.filter(({ family, scopeid }) => (family === 'IPv4' || listen === '::') && (scopeid ?? 0) === 0)
  return usable.map(({ address }) => webSocketAddress(address, port))
}
