import { peerIdFromCID } from '@libp2p/peer-id'
import { Key } from 'interface-datastore'
import { CID } from 'multiformats/cid'
import { parsePeerId } from './identity.ts'

/** Where libp2p's peer store keeps its entries: `/peers/` and the CID of the peer. */
export const PEERS = '/peers'

/** Who is in the peer store, least recently written first. The peer itself, `self`, is not among them: it is never forgotten. */
export class KnownPeers {
  private readonly keys = new Set<string>()
  private readonly self: string

  constructor(self: string) {
    this.self = `${PEERS}/${parsePeerId(self).toCID().toString()}`
  }

  /** `key` was written. */
  note(key: Key): void {
    const text = key.toString()
    if (text === this.self) return
    this.keys.delete(text)
    this.keys.add(text)
  }

  forget(key: Key): void {
    this.keys.delete(key.toString())
  }

  /** Forgets peers until no more than `max` are left, and names them; those that `kept` says yes to, asked by libp2p name, stay. */
  *surplus(max: number, kept: (peer: string) => boolean): Generator<Key> {
    let unseen = this.keys.size
    for (const key of this.keys) {
      if (this.keys.size <= max || unseen-- === 0) return
      this.keys.delete(key)
      // Behind those that were not looked at, so that the next one need not look at it again.
      if (kept(nameIn(key))) this.keys.add(key)
      else yield new Key(key)
    }
  }
}

/** The libp2p name of the peer that an entry is about; empty when it is about none. */
function nameIn(key: string): string {
  try {
    return peerIdFromCID(CID.parse(key.slice(PEERS.length + 1))).toString()
  } catch {
    return ''
  }
}
