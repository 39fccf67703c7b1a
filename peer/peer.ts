import type { Ed25519PrivateKey } from '@libp2p/interface'
import type { Clock, Random } from '../core/ports/clock.ts'
import type { Identity, Network, Records } from '../core/ports/network.ts'
import type { PeerNode } from './assembly.ts'
import { HostDirectory } from './host-directory.ts'
import { carriesStreams, identityOf } from './identity.ts'
import type { Log } from './log.ts'
import { Libp2pNetwork } from './network.ts'
import { DhtRecords } from './records.ts'
import type { IceServer } from './relay-info.ts'
import { RelayKeeper } from './relay-keeper.ts'
import { DhtRole } from './serving.ts'

/** A running peer: the ports that core asks for, and what only its owner may do with it. */
export interface Peer {
  readonly network: Network
  readonly records: Records
  readonly identity: Identity
  /** From now on uses these relays and no others. Throws `invalid` `relay.url` or `relay.too-many`. */
  setRelays(urls: readonly string[]): void
  /** Looks after the relays at once: call it when the browser comes online, or its tab is looked at again. */
  poke(): void
  /** Multiaddrs under which streams reach this peer now, best first. */
  addresses(): readonly string[]
  /** STUN and TURN servers for the next WebRTC connection, from the relays that are connected; none is an answer, too. */
  iceServers(): Promise<IceServer[]>
  /**
   * With `true`, answers for the DHT as long as others can reach this peer: at an address of its own, or through two relays. With `false` it only asks.
   * Sensible for who has been up for a while (`whenProven`). Rejects with what libp2p throws when it stops meanwhile.
   */
  serveDht(on: boolean): Promise<void>
}

export interface PeerInit {
  /** Origins of the relays to keep to. */
  readonly relays: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Puts the parts around a started libp2p node together, and begins to keep its relays. */
export function assemblePeer(node: PeerNode, privateKey: Ed25519PrivateKey, init: PeerInit): Peer {
  const { clock, random, log } = init
  const identity = identityOf(privateKey)
  const self = identity.key
  const directory = new HostDirectory({ node, self, clock, random, log })
  const reached = new Set<string>()
  const keeper = new RelayKeeper({
    node,
    clock,
    random,
    log,
    onChange: () => {
      // Whoever lost its relay may have lost its announcement there.
      for (const { url, connected } of keeper.relays()) {
        if (!connected) reached.delete(url)
        else if (!reached.has(url)) {
          reached.add(url)
          directory.refresh()
        }
      }
      network.changed()
    },
  })
  const network = new Libp2pNetwork({ node, self, keeper, directory, clock, log })
  let addresses = ''
  node.addEventListener('self:peer:update', () => {
    const now = node.getMultiaddrs().join()
    if (now === addresses) return
    addresses = now
    directory.refresh()
  })
  keeper.setRelays(init.relays)
  const role = new DhtRole(node)
  return {
    network,
    records: new DhtRecords(node),
    identity,
    setRelays: (urls) => keeper.setRelays(urls),
    poke: () => keeper.poke(),
    addresses: () => node.getMultiaddrs().filter(carriesStreams).map((address) => address.toString()),
    iceServers: () => keeper.iceServers(),
    serveDht: (on) => role.serve(on),
  }
}
