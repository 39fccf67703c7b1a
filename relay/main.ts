import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { AppError } from '../core/base/errors.ts'
import { loadSeed, makeFolder } from '../peer/data-folder.ts'
import { openLevelDatastore } from '../peer/level-datastore.ts'
import type { Log } from '../peer/log.ts'
import { runProgram, type Running } from '../peer/program.ts'
import { MAX_ADDRESSES } from '../peer/identity.ts'
import { RELAY_INFO_VERSION, webSocketAddress, type RelayInfo } from '../peer/relay-info.ts'
import { startRelayPeer, type RelayPeer } from '../peer/relay.ts'
import { systemClock, systemRandom } from '../peer/system.ts'
import { startHttp } from './http.ts'
import { announced, furtherRelays, HELP, parseOptions, type RelayOptions } from './options.ts'
import { StaticFiles } from './static.ts'
import { startStun, type StunServer } from './stun.ts'
import { turnServers } from './turn.ts'

/** What is not closed by then is dropped. */
const CLOSE_WITHIN_MS = 3000

/** Starts everything that a relay is. Throws what a person can mend: `port.used`, `data.unusable`, `data.locked`, `static.missing`. */
async function startRelay(options: RelayOptions, log: Log): Promise<Running> {
  const { seed, datastore } = await openData(options.data)
  const files = options.files === undefined ? {} : { files: await openFiles(options.files) }
  const parts: { peer?: RelayPeer; stun?: StunServer } = {}
  const http = await startHttp(options.listen, options.port, {
    ...files,
    relayInfo: (host) => (parts.peer === undefined ? undefined : relayInfo(options, http.port, host, parts.peer.peer, parts.stun !== undefined)),
    upgrade: () => parts.peer?.takeSocket,
  })
  const stun = await openStun(options.listen, http.port, log)
  if (stun !== undefined) parts.stun = stun
  const also = furtherRelays(options, ownHost(options.listen))
  const peer = await startRelayPeer({ seed, datastore, clock: systemClock, random: systemRandom, log, announce: announced(options, http.port), also })
  parts.peer = peer
  return {
    ready: { port: http.port, peer: peer.peer },
    close: async () => {
      await Promise.race([peer.close(), systemClock.sleep(CLOSE_WITHIN_MS)])
      await Promise.all([http.close(), stun?.close()])
      await datastore.close()
    },
  }
}

async function openData(folder: string) {
  try {
    await makeFolder(folder)
    const seed = await loadSeed(join(folder, 'key'))
    return { seed, datastore: await openLevelDatastore(join(folder, 'peer')) }
  } catch (cause) {
    if (cause instanceof AppError && cause.code === 'data.locked') throw new AppError('transient', cause.code, `The folder ${folder} is used by another relay`, { cause })
    if (cause instanceof AppError && cause.code === 'key.damaged') throw cause
    throw new AppError('transient', 'data.unusable', `The folder ${folder} cannot be written to`, { cause })
  }
}

async function openFiles(folder: string): Promise<StaticFiles> {
  try {
    return await StaticFiles.scan(folder)
  } catch (cause) {
    throw new AppError('invalid', 'static.missing', `The folder ${folder} with the built page cannot be read`, { cause })
  }
}

/** WebRTC works without STUN inside one network, so the relay does, too. */
async function openStun(listen: string, port: number, log: Log): Promise<StunServer | undefined> {
  try {
    return await startStun(listen, port, { now: Date.now })
  } catch (error) {
    log('warn', 'no STUN: the UDP port cannot be used', { port }, error)
    return undefined
  }
}

/** What `/relay.json` says to somebody who reached us as `host`: that address first, since it evidently works for them. */
function relayInfo(options: RelayOptions, port: number, host: string, peer: string, stun: boolean): RelayInfo {
  const known = announced(options, port)
  const asked = parseHost(host)
  const first = options.announce.length > 0 || asked === undefined ? [] : [webSocketAddress(asked.hostname, asked.port)]
  const addresses = [...new Set([...first, ...known])].slice(0, MAX_ADDRESSES)
  const name = options.announce[0] === undefined ? asked?.hostname : new URL(options.announce[0]).hostname
  return {
    peer,
    addresses: addresses.map((address) => `${address}/p2p/${peer}`),
    stun: stun && name !== undefined ? [`stun:${name}:${port}`] : [],
    turn: turnServers(options.turn, systemClock, systemRandom),
    relays: furtherRelays(options, asked?.hostname ?? ownHost(options.listen)),
    version: RELAY_INFO_VERSION,
  }
}

/** How this machine reaches its own ports, as part of a URL. */
function ownHost(listen: string): string {
  if (listen === '::') return '[::1]'
  return listen === '0.0.0.0' ? '127.0.0.1' : isIPv6(listen) ? `[${listen}]` : listen
}

function parseHost(host: string): { hostname: string; port: number } | undefined {
  if (!URL.canParse(`http://${host}`)) return undefined
  const { hostname, port } = new URL(`http://${host}`)
  return hostname === '' ? undefined : { hostname, port: port === '' ? 80 : Number(port) }
}

await runProgram(async (log) => startRelay(parseOptions(process.argv.slice(2)), log), HELP)
