// Every limit of `/shoal/shard/1` (docs/protocols/shard.md), with its reason.

export const SHARD_PROTOCOL = '/shoal/shard/1'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/** Bytes of a frame after its length: one WebRTC message of 64 KiB carries a whole one. */
export const MAX_FRAME = 64 * KIB
/** Bytes of file data in one DATA frame: leaves room in a frame for type, id and length, and is a whole number of leaves. */
export const MAX_DATA = 60 * KIB
/** Bytes of DATA in flight per direction: the transports under us have no receive back-pressure, so this bounds memory. */
export const WINDOW = MIB
/** Credit is handed back in steps: one small frame per quarter window instead of one per DATA. */
export const CREDIT_STEP = WINDOW / 4
/** Bytes of each shard on its way in that stay against the window until it is on disk: two half-received ones and a credit step fit in a window together. */
export const HELD_BACK = WINDOW / 4
/** Transfers of one direction that may be between their first and last byte: fair to small ones, and two half-received shards are all a peer can leave in memory. */
export const MAX_INTERLEAVED = 2
/** Open requests of one stream: enough to fill any link with shards, and it bounds all queues of answers. */
export const MAX_OPEN = 64
/** Items of one list: a receipt names as many. */
export const MAX_LIST = 256
/** Leaf proofs of a run: two edges of a tree of 2,048 leaves need 22 values at most. */
export const MAX_PROOF = 64
/** Bytes of a shard. */
export const MAX_SHARD = 2 * MIB
/** Bytes of a small whole object. */
export const MAX_OBJECT = 64 * KIB
/** Bytes of a signed record, an advert and a receipt on the wire. */
export const MAX_RECORD = 4096
export const MAX_ADVERT = 2048
export const MAX_RECEIPT = 16 * KIB
/** Bytes of an error's code and of its sentence: for logs, never for data. */
export const MAX_CODE = 64
export const MAX_DETAIL = 200
/** Frames waiting for a peer to take them before we stop reading from it: answers to all open requests, refusals and credit. */
export const MAX_QUEUED = 2 * MAX_OPEN
/** How long a last ERROR may take to leave before the stream is broken anyway, in ms. */
export const LINGER = 1000

// --- the host's patience and generosity (shard.md 6)

/** A host that hears no HI for so long ends the stream, in ms. */
export const HELLO_TIME = 20_000
/** A stream without a frame is ended after this, in ms. */
export const IDLE_TIME = 10 * 60_000
/** A peer that takes nothing of what it asked for is cut off after this, in ms: what waits for it occupies memory. */
export const STALL_TIME = 60_000
/**
 * A PUT of which nothing comes for so long, in ms, although the client has credit, is refused. Twice the longest that one frame may take
 * (`REQUEST_STALL`), for each of the two that take turns on the slowest of lines.
 */
export const PUT_STALL = 2 * 60_000
/** Bytes of half-received shards and objects over all streams: 512 streams with two shards each would be 2 GiB of memory. */
export const INBOUND_BYTES = 256 * MIB
/** How often a stream is looked after, in ms. */
export const WATCH_STEP = 10_000
/** Requests per second and stream, and how many may come at once after a rest. */
export const REQUEST_RATE = 200
export const REQUEST_BURST = 1000
/** Streams of one peer: tabs of one browser share one peer, so more than a few are a fault. */
export const PEER_STREAMS = 4
/** Open streams of all peers: each may cost a window of memory, and what `INBOUND_BYTES` leaves for shards. */
export const ALL_STREAMS = 512
/** Shards of one stream read from disk and not yet sent. */
export const READS_AHEAD = 2
/** Work begun for one stream, cancelled requests included, before it is read no further. */
export const MAX_WORK = 2 * MAX_OPEN
/** So many streams ended for breaking the protocol within STRIKE_TIME, and a peer is refused for REFUSAL_TIME (ms). */
export const STRIKES = 3
export const STRIKE_TIME = 10 * 60_000
export const REFUSAL_TIME = 60_000
/** Peers whose strikes are remembered; the oldest are forgotten first. */
export const STRIKE_PEERS = 1024

// --- the host's room (shard.md 6)

/** Free space that is left to the owner of the disk, in bytes. */
export const DISK_RESERVE = 512 * MIB
/** The part of the offered space that one tenant may fill. */
export const TENANT_PART = 0.5
/** Bytes that a tenant may have staged and not committed: abandoned uploads. */
export const STAGED_BYTES = GIB
/** Objects that a tenant may keep: growth of the index. */
export const TENANT_OBJECTS = 100_000
/** What a shard or an object counts as at least, in bytes: a block of the disk and its entries in the index, which shards of one byte would fill unseen. */
export const LEAST_COUNTED = 4 * KIB
/** Leases of one tenant on one shard: the same content stored again and again, and receipts that got lost. */
export const SHARD_LEASES = 64
/** How long a shard stays staged, in seconds. */
export const STAGE_SECONDS = 24 * 60 * 60
/** Leases and records are kept so long after their end, in seconds: clocks are hours off in practice. */
export const EXPIRY_GRACE = 2 * 24 * 60 * 60
/** How often expired stages, leases and objects are swept, in ms. */
export const SWEEP_STEP = 60 * 60_000
/** How often a host publishes the records it holds, in ms: half of what a DHT server keeps them, and a quarter of a day. */
export const REPUBLISH_STEP = 6 * 60 * 60_000
/** A round of which nobody took anything is repeated after this, in ms, then after twice as long: the servers of the DHT may be starting, too. */
export const REPUBLISH_FIRST = 60_000
/** Records published at once. */
export const REPUBLISH_LANES = 4

// --- the client's patience

/** A request on which nothing moves is given up after this, in ms, when the rest of the stream stands still too. */
export const REQUEST_STALL = 30_000
/** A request is given up after this even when the host serves others meanwhile, in ms. */
export const REQUEST_LIMIT = 5 * 60_000
/** An upload is given up after this, in ms, when the host has taken no byte of any meanwhile: its disk hangs, whatever else it answers. */
export const UPLOAD_LIMIT = 60_000
/** How often a client looks after its open requests, in ms. */
export const CLIENT_STEP = 5000
/** Requests per second and burst that a client allows itself: a little under what a host refuses. */
export const CLIENT_RATE = 180
export const CLIENT_BURST = 900
/** Hosts with an open stream: as many as a chunk has rows at most; a browser keeps about 100 connections in all. */
export const MAX_HOSTS = 64
/** Hosts whose failures are remembered; the oldest are forgotten first. */
export const KNOWN_HOSTS = 1024
/** A stream that lasted so long, in ms, may be opened again at once when it breaks: it was not the host that fails. */
export const PROVEN_TIME = 10_000
/** Wait before a host that failed is tried again, in ms: the first time, and at most. */
export const BACKOFF_FIRST = 1000
export const BACKOFF_LAST = 60_000
