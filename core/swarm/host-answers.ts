import { AppError } from '../base/errors.ts'
import { equal, fromHex, toHex, type Bytes } from '../base/bytes.ts'
import { malformed } from '../formats/codec.ts'
import { LEASE_SECONDS, orderShards, signReceipt } from '../formats/receipt.ts'
import { GONE_PATH } from '../formats/record-order.ts'
import { parseRecordValue } from '../formats/record-value.ts'
import type { Blake3 } from '../merkle/blake3.ts'
import type { Clock, Random } from '../ports/clock.ts'
import type { Identity, Records } from '../ports/network.ts'
import type { Inbound } from './inbound.ts'
import type { Message, MessageOf } from './messages.ts'
import { rangeOf } from './range.ts'
import type { SignLease, Vault } from './vault.ts'
import type { TenantName } from './vault-index.ts'

/** Kind and version of a record's value (formats/objects.md 5). */
const OUR_PATH = /^\/shoal\/([a-z][a-z0-9-]*\/[1-9][0-9]*)(\/|$)/
/** Kinds of which a host knows what their records come with. */
const KNOWN_KINDS: readonly unknown[] = ['object/1', 'gone/1']

const REQUESTS = ['offer', 'put', 'commit', 'get', 'has', 'release', 'renew', 'putObject', 'getObject'] as const

/** What a client may ask of a host. */
export type Request = MessageOf<(typeof REQUESTS)[number]>

export function isRequest(message: Message): message is Request {
  return REQUESTS.some((type) => type === message.type)
}

/** What the answers need of the host. */
export interface HostParts {
  readonly vault: Vault
  readonly identity: Identity
  readonly records: Pick<Records, 'open'>
  readonly blake3: Blake3
  readonly clock: Clock
  readonly random: Random
}

/** One open request: where its answer goes, and its DATA comes from. */
export interface Job {
  /** The DATA that follows a PUT or PUT_OBJECT. */
  readonly inbound: Inbound
  /** Queues the answer, unless the client cancelled. */
  reply(message: Message): void
  /** Queues `head` and then `bytes` as DATA; resolves once all has left. */
  replyWith(head: Message, bytes: Bytes): Promise<void>
  /** Waits for a turn to read from disk, so that a slow taker keeps little in memory. */
  inTurn(task: () => Promise<void>): Promise<void>
}

/**
 * Does what a request asks, and replies (shard.md 4 and 5). `tenant` is none for a mere reader.
 * Throws what the client is then told: see `ShardClient`.
 */
export async function answer(request: Request, tenant: TenantName | undefined, job: Job, host: HostParts): Promise<void> {
  if (request.type === 'get') return job.inTurn(() => get(request, job, host))
  if (request.type === 'getObject') return job.inTurn(() => getObject(request, job, host))
  if (tenant === undefined) throw new AppError('denied', 'tenant.required', 'only a tenant may ask this')
  job.reply(await tenantAnswer(request, tenant, job, host))
}

type TenantRequest = Exclude<Request, MessageOf<'get' | 'getObject'>>

/** The one frame that answers a tenant. */
async function tenantAnswer(request: TenantRequest, tenant: TenantName, job: Job, host: HostParts): Promise<Message> {
  const { id } = request
  switch (request.type) {
    case 'offer':
      return { type: 'verdicts', id, verdicts: await offer(request, tenant, host) }
    case 'has':
      return { type: 'verdicts', id, verdicts: await has(request, tenant, host) }
    case 'commit':
      return { type: 'receipt', id, receipt: await commit(request, tenant, host) }
    case 'renew':
      return { type: 'receipt', id, receipt: await renew(request, tenant, host) }
    case 'put':
      await put(request, tenant, job, host)
      break
    case 'putObject':
      await putObject(request, tenant, job, host)
      break
    case 'release':
      await host.vault.release(tenant, request.lease, request.roots.map(toHex))
  }
  return { type: 'ack', id }
}

async function get(request: MessageOf<'get'>, job: Job, { vault, blake3 }: HostParts): Promise<void> {
  const { id, root, offset, length } = request
  const shard = await vault.get(toHex(root))
  const whole = offset === 0 && length === 0
  const range = rangeOf(whole ? { offset: 0, length: shard.length } : { offset, length }, shard.length)
  const { first, leaves } = range
  const proof = whole ? [] : blake3.prove(shard, first, leaves)
  const bytes = whole ? shard : shard.slice(range.offset, range.offset + range.length)
  return job.replyWith({ type: 'found', id, size: shard.length, first, leaves, proof }, bytes)
}

async function getObject({ id, name }: MessageOf<'getObject'>, job: Job, { vault }: HostParts): Promise<void> {
  const { record, bytes } = await vault.objects.get(name)
  return job.replyWith({ type: 'object', id, record, size: bytes.length }, bytes)
}

const VERDICTS = { send: 0, staged: 1, leased: 2, full: 3 }

async function offer({ shards }: MessageOf<'offer'>, tenant: TenantName, { vault }: HostParts): Promise<number[]> {
  const verdicts = await vault.verdicts(tenant, shards)
  return verdicts.map((verdict) => VERDICTS[verdict])
}

async function has({ roots }: MessageOf<'has'>, tenant: TenantName, { vault }: HostParts): Promise<number[]> {
  const verdicts: number[] = []
  for (const root of roots) verdicts.push(VERDICTS[(await vault.holding(tenant, toHex(root))) ?? 'send'])
  return verdicts
}

async function put({ root, size }: MessageOf<'put'>, tenant: TenantName, job: Job, { vault, blake3 }: HostParts): Promise<void> {
  // Room is for what comes, not for what is only announced.
  await job.inbound.begun
  const reserved = await vault.reserve(tenant, size)
  try {
    const bytes = await job.inbound.whole
    if (!equal(blake3.hash(bytes), root)) throw new AppError('corrupt', 'shard.wrong-root', 'the bytes do not hash to their root')
    await vault.put(tenant, toHex(root), bytes)
  } finally {
    reserved.release()
  }
}

async function putObject(request: MessageOf<'putObject'>, tenant: TenantName, job: Job, host: HostParts): Promise<void> {
  const { name, record } = request
  const { value, sequence, expires } = await host.records.open(name, record)
  const hash = namedObject(value)
  const bytes = await job.inbound.whole
  const right = hash === undefined ? bytes.length === 0 : bytes.length > 0 && equal(host.blake3.hash(bytes), hash)
  if (!right) throw new AppError('corrupt', 'object.wrong-hash', 'the object is not the one that its record names')
  const alone = hash === undefined && value !== GONE_PATH
  await host.vault.objects.put({ tenant: fromHex(tenant), name, record, sequence, expires: Math.floor(expires / 1000), bytes, alone })
}

/**
 * The hash of the object that comes with a record; `undefined` for a tombstone, and for a record that stands for itself, of whatever kind or version: what
 * clients of later days invent is kept by hosts of today. Throws `invalid` `format.*` for a path that is not ours.
 */
function namedObject(path: string): Bytes | undefined {
  const kind = OUR_PATH.exec(path)?.[1]
  if (kind === undefined) throw malformed('format.magic', 'a record of something else')
  if (!KNOWN_KINDS.includes(kind)) return undefined
  const value = parseRecordValue(path)
  return value.kind === 'object' ? value.name : undefined
}

async function commit({ roots }: MessageOf<'commit'>, tenant: TenantName, host: HostParts): Promise<Bytes> {
  const names = roots.map(toHex)
  if (new Set(names).size < names.length) throw new AppError('invalid', 'request.duplicate', 'a shard is named twice')
  return host.vault.commit(tenant, names, { id: host.random.bytes(16), ...dates(host.clock) }, signer(tenant, host))
}

async function renew({ lease }: MessageOf<'renew'>, tenant: TenantName, host: HostParts): Promise<Bytes> {
  return host.vault.renew(tenant, { id: lease, ...dates(host.clock) }, signer(tenant, host))
}

function dates(clock: Clock): { issued: number; expires: number } {
  const issued = Math.floor(clock.now() / 1000)
  return { issued, expires: issued + LEASE_SECONDS }
}

function signer(tenant: TenantName, { identity }: HostParts): SignLease<Bytes> {
  return (shards, { id, issued, expires }) => {
    const receipt = { host: fromHex(identity.key), tenant: fromHex(tenant), lease: id, issued, expires, shards: orderShards(shards) }
    return signReceipt(receipt, (message) => identity.sign(message))
  }
}
