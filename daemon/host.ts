import { join } from 'node:path'
import { AppError, isAppError } from '../core/base/errors.ts'
import { loadBlake3 } from '../core/merkle/blake3.ts'
import { verify } from '../core/seal/ed25519.ts'
import { runHost } from '../core/swarm/host.ts'
import { openUptime } from '../core/swarm/uptime.ts'
import { openVault } from '../core/swarm/vault.ts'
import { openShardStore } from '../core/vault/shard-store.ts'
import { loadSeed, makeFolder } from '../peer/data-folder.ts'
import { startHostPeer } from '../peer/host.ts'
import { openLevelDatastore } from '../peer/level-datastore.ts'
import type { Log } from '../peer/log.ts'
import { nodeWebRtc } from '../peer/node-web-rtc.ts'
import { runProgram, type Running } from '../peer/program.ts'
import { systemClock, systemRandom } from '../peer/system.ts'
import { HELP, parseOptions, type HostOptions } from './options.ts'
import { seldom } from './report.ts'
import { openLevelMetaStore } from './storage/level-meta-store.ts'
import { openNodeShardFiles } from './storage/node-shard-files.ts'

type Report = (error: AppError) => void

/** Starts everything that an always-on host is. Throws what a person can mend: `data.unusable`, `data.locked`, `key.damaged`, `port.used`. */
async function startHost(options: HostOptions, log: Log): Promise<Running> {
  const report: Report = seldom((error) => log('warn', error.message, { code: error.code, ...error.data }, error), systemClock)
  const data = await openData(options.data)
  const vault = await openVault({ shards: data.shards, meta: data.meta, clock: systemClock, offered: options.space, report })
  const webRtc = await nodeWebRtc(log)
  const peer = await startHostPeer({
    ...(webRtc === undefined ? {} : { webRtc }),
    seed: data.seed,
    datastore: data.datastore,
    listen: options.listen,
    port: options.port,
    relays: options.relays,
    clock: systemClock,
    random: systemRandom,
    log,
  })
  const ending = new AbortController()
  const { network, records, identity } = peer
  const uptimeClass = await openUptime(data.meta, systemClock, report, ending.signal)
  const parts = { vault, network, records, identity, blake3: await loadBlake3(), clock: systemClock, random: systemRandom, verify, addresses: () => peer.addresses(), uptimeClass, report }
  await runHost(parts, ending.signal)
  await network.announce(ending.signal)
  return {
    ready: { port: peer.port, peer: peer.identity.key },
    close: async () => {
      ending.abort()
      await peer.close()
      await vault.settled()
      await data.close()
    },
  }
}

async function openData(folder: string) {
  try {
    await makeFolder(folder)
    const seed = await loadSeed(join(folder, 'key'))
    // The first lock of all: whoever has the index has the folder.
    const meta = await openLevelMetaStore(join(folder, 'index'))
    const shards = await openShardStore(await openNodeShardFiles(join(folder, 'shards')), meta)
    const datastore = await openLevelDatastore(join(folder, 'peer'))
    const close = async () => {
      await shards.close()
      await datastore.close()
      await meta.close()
    }
    return { seed, meta, shards, datastore, close }
  } catch (cause) {
    if (isAppError(cause) && cause.code === 'meta.locked') {
      throw new AppError('transient', 'data.locked', `The folder ${folder} is used by another host`, { cause })
    }
    if (isAppError(cause) && cause.code === 'key.damaged') throw cause
    throw new AppError('transient', 'data.unusable', `The folder ${folder} cannot be used`, { cause })
  }
}

await runProgram(async (log) => startHost(parseOptions(process.argv.slice(2)), log), HELP)
