/** An Ed25519 public key (RFC 8032) as 64 characters of lower-case hexadecimal: who a peer is. */
export type PeerKey = string

/** Who, and where it was last seen: multiaddrs in text form, best first, none when unknown. */
export interface PeerHint {
  readonly key: PeerKey
  readonly addresses: readonly string[]
}

/**
 * A reliable, ordered, two-way stream of bytes. Message boundaries are not kept.
 * One reader and one writer at a time.
 */
export interface ByteStream {
  /** The next bytes, at least one; `null` once the other side has ended cleanly. Rejects `transient` (`stream.lost`) when it broke. */
  read(): Promise<Uint8Array | null>
  /** Resolves when the transport has room for more. Rejects `transient` (`stream.lost`) when it broke. The bytes must not be changed afterwards. */
  write(bytes: Uint8Array): Promise<void>
  /** Ends our side cleanly; the other side reads to its end. Never rejects. */
  close(): Promise<void>
  /** Breaks the stream at once, both ways. */
  abort(reason: Error): void
  /** It runs over a relay, which carries little (docs/protocols/relay.md 3): beyond, it breaks with `transient` `lane.spent`. */
  readonly relayed?: true
}

/** Called for each stream that another peer opens. Rejections are logged by the network, and break that stream only. */
export type StreamHandler = (stream: ByteStream, remote: PeerKey) => Promise<void>

export interface NetworkState {
  /** Peers with a direct connection; relayed ones are not counted. */
  readonly peers: readonly PeerKey[]
  /** Peers without a direct connection that have a stream over a relay. */
  readonly relayed: readonly PeerKey[]
  /** Relays wanted, and whether each is connected now; `learned` ones are named by another relay. */
  readonly relays: readonly { readonly url: string; readonly connected: boolean; readonly problem?: string; readonly learned?: true }[]
}

/** What the rest of Shoal sees of libp2p. */
export interface Network {
  readonly self: PeerKey
  state(): NetworkState
  /** Calls `listener` after every change of `state()`, until `signal` fires. */
  watch(listener: () => void, signal: AbortSignal): void
  /**
   * Opens a stream to a peer, over a connection that is there, else by dialling its addresses, else by asking the DHT for them, else
   * through a relay (`ByteStream.relayed`).
   * Errors: `transient` `peer.unreachable`; `transient` `peer.protocol` when it does not speak `protocol`; `aborted`.
   */
  open(peer: PeerHint, protocol: string, options?: { signal?: AbortSignal }): Promise<ByteStream>
  /** Answers streams of `protocol` until `signal` fires. */
  handle(protocol: string, handler: StreamHandler, signal: AbortSignal): Promise<void>
  /** Hosts that announce room, sampled from the DHT's buckets, each once, until `signal` fires or the sample is exhausted. */
  findHosts(options?: { signal?: AbortSignal }): AsyncIterable<PeerHint>
  /** Announces this peer as a host with room, now and again before the announcement expires, until `signal` fires. */
  announce(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** What a record says, once its signature was checked. */
export interface RecordView {
  /** A path of at most 4 KiB that starts with `/`. */
  readonly value: string
  /** Freshness: an older number never replaces a newer one. */
  readonly sequence: bigint
  /** End of life, milliseconds since 1970. */
  readonly expires: number
}

/** Small signed mutable records (IPNS, https://specs.ipfs.tech/ipns/ipns-record/), named by an Ed25519 public key of 32 bytes. */
export interface Records {
  /** A record signed by the key pair of `seed` (32 bytes). */
  sign(seed: Uint8Array, view: RecordView): Promise<Uint8Array<ArrayBuffer>>
  /** Checks signature, end of life, size and form. Throws `corrupt` (`record.forged`), `absent` (`record.expired`) or `invalid` (`record.malformed`). */
  open(name: Uint8Array, record: Uint8Array): Promise<RecordView>
  /** Puts a record into the DHT. Resolves to the number of peers that took it; 0 is not an error. */
  publish(name: Uint8Array, record: Uint8Array, options?: { signal?: AbortSignal }): Promise<number>
  /**
   * The newest valid record found in the DHT before `signal` fires. Throws `absent` (`record.absent`) only when at least one DHT server
   * answered that it has none and no other had one; `transient` (`record.unreachable`) when none answered.
   */
  resolve(name: Uint8Array, options?: { signal?: AbortSignal }): Promise<Uint8Array<ArrayBuffer>>
}

/** Signs with this peer's own Ed25519 key; checks signatures of others. */
export interface Identity {
  readonly key: PeerKey
  sign(message: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
}
