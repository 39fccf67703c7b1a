import { isIP } from 'node:net'
import { parseArgs } from 'node:util'
import { AppError } from '../core/base/errors.ts'
import { misread, parseOrigin, parsePort } from '../peer/program.ts'

export const HELP = `Keeps pieces of other people's files. Prints one line of JSON once it is ready; logs go to the error output.

  --data DIR         its folder: key, index and pieces
  --space SIZE       what it may take in all, such as 500MB or 20GiB
  --relay URL        a relay to join, such as https://relay.example; repeatable
  --listen ADDRESS   IP address of its WebSocket (default 127.0.0.1)
  --port N           port of its WebSocket (default: any free one, the same at every start)`

export interface HostOptions {
  /** Folder of key, index and shards. */
  readonly data: string
  /** Bytes offered to others. */
  readonly space: number
  /** Origins of relays. */
  readonly relays: readonly string[]
  readonly listen: string
  /** 0 = any free one. */
  readonly port: number
}

/** Reads the command line. Throws `invalid` `option.…` with a sentence for people. */
export function parseOptions(args: readonly string[]): HostOptions {
  const { data, space, relay = [], listen = '127.0.0.1', port = '0' } = parse(args)
  if (data === undefined || data === '') throw new AppError('invalid', 'option.data', '--data must name a folder')
  if (isIP(listen) === 0) throw new AppError('invalid', 'option.listen', `--listen must be an IP address, not "${listen}"`)
  return { data, space: parseSpace(space), relays: relay.map((text) => parseOrigin('relay', text)), listen, port: parsePort(port) }
}

/** Decimal and binary units, as `npm start` takes them. */
const UNITS: Readonly<Record<string, number>> = {
  '': 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30, TIB: 2 ** 40,
}

function parseSpace(text: string | undefined): number {
  const match = /^(\d{1,12})\s*([KMGT]?I?B)?$/i.exec(text ?? '')
  const bytes = Number(match?.[1]) * (UNITS[(match?.[2] ?? '').toUpperCase()] ?? NaN)
  if (!Number.isSafeInteger(bytes)) throw new AppError('invalid', 'option.space', `--space must be a size such as 500MB or 20GiB, not "${text ?? ''}"`)
  return bytes
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        data: { type: 'string' },
        space: { type: 'string' },
        relay: { type: 'string', multiple: true },
        listen: { type: 'string' },
        port: { type: 'string' },
      },
    })
    return values
  } catch (cause) {
    throw misread(cause)
  }
}
