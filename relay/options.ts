import { isIPv4, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { parseArgs } from 'node:util'
import { AppError } from '../core/base/errors.ts'
import { misread, parseOrigin, parsePort } from '../peer/program.ts'
import { originAddress, webSocketAddress } from '../peer/relay-info.ts'

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
}

/** Reads the command line. Throws `invalid` `option.…` with a sentence for people. */
export function parseOptions(args: readonly string[]): RelayOptions {
  const { values } = parse(args)
  const { port = '8484', listen = '127.0.0.1', data, announce = [] } = values
  if (data === undefined || data === '') throw new AppError('invalid', 'option.data', '--data must name a folder')
  if (!isIPv4(listen) && !isIPv6(listen)) throw new AppError('invalid', 'option.listen', `--listen must be an IP address, not "${listen}"`)
  const files = values.static === undefined ? {} : { files: values.static }
  return { port: parsePort(port), listen, data, ...files, announce: announce.map((text) => parseOrigin('announce', text)) }
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
