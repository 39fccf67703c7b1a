import type { Libp2p, PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { DHT_PROTOCOL, routingTable } from './dht.ts'

/** A peer that went away and comes back within this keeps its place in the routing table. */
const GRACE_MS = 10_000

/**
 * Takes out of the routing table who is gone, and who no longer answers for the DHT: kad-dht keeps both until a bucket is full, names them to
 * everybody, and dials them for every look-up.
 */
export class TableCare {
  private readonly node: Libp2p<{ dht: KadDHT }>
  private readonly graces = new Map<string, ReturnType<typeof setTimeout>>()

  constructor(node: Libp2p<{ dht: KadDHT }>) {
    this.node = node
    node.addEventListener('peer:disconnect', ({ detail }) => this.forgetLater(detail))
    node.addEventListener('peer:update', ({ detail: { peer, previous } }) => {
      const served = previous?.protocols.includes(DHT_PROTOCOL) === true
      if (served && !peer.protocols.includes(DHT_PROTOCOL)) this.forget(peer.id)
    })
  }

  /** Ends the waiting. Call it when the node has stopped, since every connection that ends with it begins one. */
  close(): void {
    for (const timer of this.graces.values()) clearTimeout(timer)
  }

  private forgetLater(peer: PeerId): void {
    const name = peer.toString()
    clearTimeout(this.graces.get(name))
    const later = () => {
      this.graces.delete(name)
      if (this.node.getConnections(peer).length === 0) this.forget(peer)
    }
    this.graces.set(name, setTimeout(later, GRACE_MS))
  }

  private forget(peer: PeerId): void {
    void routingTable(this.node.services.dht).remove(peer).catch(() => undefined)
  }
}
