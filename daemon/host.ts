import { join } from 'node:path'
import { AppError, asAppError, isAppError } from '../core/base/errors.ts'
import { loadBlake3 } from '../core/merkle/blake3.ts'
import { verify } from '../core/seal/ed25519.ts'
import { advertKeeper } from '../core/swarm/advert-keeper.ts'
import { SHARD_PROTOCOL } from '../core/swarm/limits.ts'
import { keepRecords } from '../core/swarm/record-keeper.ts'
import { serveShards } from '../core/swarm/server.ts'
import { openVault, type Vault } from '../core/swarm/vault.ts'
import { openShardStore } from '../core/vault/shard-store.ts'
import { loadSeed, makeFolder } from '../peer/data-folder.ts'
import { startHostPeer, type HostPeer } from '../peer/host.ts'
import { openLevelDatastore } from '../peer/level-datastore.ts'
import type { Log } from '../peer/log.ts'
import { runProgram, type Running } from '../peer/program.ts'
import { systemClock, systemRandom } from '../peer/system.ts'
import { parseOptions, type HostOptions } from './options.ts'
import { seldom } from './report.ts'
import { openLevelMetaStore } from './storage/level-meta-store.ts'
import { openNodeShardFiles } from './storage/node-shard-files.ts'
import { openUptime } from './uptime.ts'

type Report = (error: AppError) => void

/** Starts everything that an always-on host is. Throws what a person can mend: `data.unusable`, `data.locked`, `key.damaged`, `port.used`. */
async function startHost(options: HostOptions, log: Log): Promise<Running> {
  const report: Report = seldom((error) => log('warn', error.message, { code: error.code, ...error.data }, error), systemClock)
  const data = await openData(options.data)
  const vault = await openVault({ shards: data.shards, meta: data.meta, clock: systemClock, offered: options.space, report })
  const peer = await startHostPeer({
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
  await serve({ vault, peer, report, signal: ending.signal, uptime: await openUptime(data.meta, systemClock, report, ending.signal) })
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

interface Service {
  readonly vault: Vault
  readonly peer: HostPeer
  readonly report: Report
  readonly signal: AbortSignal
  readonly uptime: () => number
}

/** Answers clients, announces this host, keeps the index and the records of others in order, until `signal` fires. */
async function serve({ vault, peer, report, signal, uptime }: Service): Promise<void> {
  const { network, records, identity, node } = peer
  const blake3 = await loadBlake3()
  const addresses = () => node.getMultiaddrs().map((address) => address.toString())
  const advert = advertKeeper({ vault, identity, clock: systemClock, addresses, uptimeClass: uptime })
  const handler = serveShards({ vault, identity, records, blake3, clock: systemClock, random: systemRandom, verify, advert, report })
  await network.handle(SHARD_PROTOCOL, handler, signal)
  const failed = (error: unknown) => {
    if (!signal.aborted) report(asAppError(error))
  }
  network.announce(signal).catch(failed)
  keepRecords({ objects: vault.objects, records, clock: systemClock, report }, signal).catch(failed)
  vault.tend(signal).catch(failed)
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

await runProgram(async (log) => startHost(parseOptions(process.argv.slice(2)), log))
