import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey, PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { fromHex, own, toHex } from '../core/base/bytes.ts'
import { AppError } from '../core/base/errors.ts'
import type { Identity, PeerKey } from '../core/ports/network.ts'

/** A peer has a few addresses per relay; hundreds would be a way to make us dial strangers. */
export const MAX_ADDRESSES = 16
/** Bytes of a multiaddr in text form; the longest honest ones name two peers and a domain. */
export const MAX_ADDRESS_LENGTH = 512

/** The Ed25519 key pair (RFC 8032) of a 32-byte seed. */
export function privateKeyFromSeed(seed: Uint8Array): Promise<Ed25519PrivateKey> {
  return generateKeyPairFromSeed('Ed25519', seed)
}

/** Signs as the peer that has `privateKey`. */
export function identityOf(privateKey: Ed25519PrivateKey): Identity {
  return {
    key: toHex(privateKey.publicKey.raw),
    sign: async (message) => own(await privateKey.sign(message)),
  }
}

/** The libp2p name of a peer. Throws `invalid` `peer.malformed` when the key is not 32 bytes of hexadecimal. */
export function peerIdOf(key: PeerKey): PeerId {
  try {
    const raw = fromHex(key)
    if (raw.length !== 32) throw new AppError('invalid', 'peer.malformed', 'a peer key has 32 bytes')
    return peerIdFromPublicKey(publicKeyFromRaw(raw))
  } catch (cause) {
    throw new AppError('invalid', 'peer.malformed', 'not the key of a peer', { cause })
  }
}

/** The Ed25519 key behind a libp2p name; `undefined` for names of other kinds, which Shoal does not talk to. */
export function peerKeyOf(peer: PeerId): PeerKey | undefined {
  return peer.type === 'Ed25519' ? toHex(peer.publicKey.raw) : undefined
}

/** A libp2p name in text form. Throws `invalid` `peer.malformed`. */
export function parsePeerId(text: string): PeerId {
  try {
    return peerIdFromString(text)
  } catch (cause) {
    throw new AppError('invalid', 'peer.malformed', 'not the name of a peer', { cause })
  }
}

/**
 * Addresses as a stranger wrote them, each made to name `peer`. What is malformed, too long, or names somebody else is left out,
 * and no more than `MAX_ADDRESSES` are kept.
 */
export function parseAddresses(texts: readonly string[], peer: PeerId): Multiaddr[] {
  const addresses: Multiaddr[] = []
  for (const text of texts.slice(0, MAX_ADDRESSES)) {
    const address = text.length <= MAX_ADDRESS_LENGTH ? parseAddress(text) : undefined
    if (address === undefined) continue
    const named = lastPeer(address)
    if (named === undefined) addresses.push(address.encapsulate(`/p2p/${peer.toString()}`))
    else if (named === peer.toString()) addresses.push(address)
  }
  return addresses
}

/** Whether streams of ours may run over a connection to `address`: a relay alone carries only signalling. */
export function carriesStreams(address: Multiaddr): boolean {
  const names = address.getComponents().map(({ name }) => name)
  const relayed = names.lastIndexOf('p2p-circuit')
  return relayed === -1 || names.slice(relayed + 1).some((name) => name !== 'p2p')
}

function parseAddress(text: string): Multiaddr | undefined {
  try {
    return multiaddr(text)
  } catch {
    return undefined
  }
}

/** The peer that an address leads to: the last one it names, unless that one only relays. */
function lastPeer(address: Multiaddr): string | undefined {
  const last = address.getComponents().findLast(({ name }) => name === 'p2p' || name === 'p2p-circuit')
  return last?.name === 'p2p' ? last.value : undefined
}
