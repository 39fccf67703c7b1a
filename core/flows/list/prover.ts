import { equal, fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import { isAppError, throwIfAborted } from '../../base/errors.ts'
import { linkKeys } from '../../account/keys.ts'
import { nodeRecord, sealedRecord, type Holder, type SealedRecord } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PeerKey } from '../../ports/network.ts'
import { survives } from '../../placement/survives.ts'
import type { ShardClient } from '../../swarm/shard-client.ts'
import { Bell, ringOr } from '../bell.ts'
import type { Hosts } from '../hosts/hosts.ts'
import { put, type Journal } from '../journal.ts'
import { piecesOf } from '../link/share.ts'
import type { Mutex } from '../mutex.ts'
import type { FileEntry } from './entry.ts'
import { healthOf } from './health.ts'
import type { Table } from './table.ts'

/** Hosts that were away are asked again after this, in ms, or when one connects. */
const AGAIN_MS = 60_000
/** Sealed chunks asked about together: 64 × 16 rows at 16 hosts are 64 names per question. */
const CHUNKS = 64
/** Names in one question to a host: as many as a receipt has. */
const ASKED = 256

export interface ProverDeps {
  readonly journal: Journal
  readonly table: Table
  readonly hosts: Hosts
  readonly references: Mutex
  readonly clock: Clock
  readonly changed: () => void
  /** A client of `host` as the tenant that holds leases under `secret`. */
  readonly clientFor: (secret: Bytes, host: PeerKey, signal: AbortSignal) => Promise<ShardClient>
}

/** What hosts said: roots that they hold under a lease, and those that they do not have. */
interface Answers {
  readonly held: Set<string>
  readonly denied: Set<string>
}

/** Asks hosts whether they hold what a restored list says they do. Until that is known, a file has no `health`. */
export class Prover {
  private readonly bell = new Bell()
  private readonly deps: ProverDeps

  constructor(deps: ProverDeps) {
    this.deps = deps
  }

  /** There may be files of which nobody knows what they withstand. */
  wake(): void {
    this.bell.ring()
  }

  /** Works until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for (const file of this.deps.table.kept().filter(isUnproved)) await this.prove(file, AbortSignal.any([signal, file.control.signal]))
        throwIfAborted(signal)
        if (this.deps.table.kept().some(isUnproved)) await Promise.race([this.bell.wait(signal), ringOr(this.deps.hosts.changed, AGAIN_MS, this.deps.clock, signal)])
        else await this.bell.wait(signal)
      } catch (error) {
        if (isAppError(error, 'bug')) throw error
        // A disk that failed now may work later.
        if (!isAppError(error, 'aborted')) await this.deps.clock.sleep(AGAIN_MS, signal).catch(() => undefined)
      }
    }
  }

  /** Writes down what hosts deny; the file's health once what they confirm makes it safe, all have answered, or too much is gone. */
  private async prove(file: FileEntry, signal: AbortSignal): Promise<void> {
    const sure = Math.min(await this.proveChunks(file, signal), await this.proveNodes(file, signal), await this.proveObject(file, signal))
    const health = await healthOf(file, this.deps.journal)
    if (!isUnproved(file)) return
    if (health.restorable && sure < Math.min(1, health.survives)) return
    await this.deps.table.update(file, { health })
    this.deps.changed()
  }

  /** How many hosts may leave, going by confirmed rows alone. */
  private async proveChunks(file: FileEntry, signal: AbortSignal): Promise<number> {
    let sure = Infinity
    let batch = new Map<string, SealedRecord>()
    for await (const { name, sealed } of piecesOf(file.id, this.deps.journal)) {
      batch.set(name, sealed)
      if (batch.size < CHUNKS) continue
      sure = Math.min(sure, await this.proveBatch(batch, signal))
      batch = new Map()
    }
    return batch.size === 0 ? sure : Math.min(sure, await this.proveBatch(batch, signal))
  }

  private async proveBatch(batch: ReadonlyMap<string, SealedRecord>, signal: AbortSignal): Promise<number> {
    const wanted = new Map<string, { secret: Bytes; host: PeerKey; roots: Bytes[] }>()
    for (const { rows, roots, secret } of batch.values()) {
      for (const [index, { host, state }] of rows.entries()) {
        const root = roots[index]
        if (host === undefined || root === undefined || state !== 'leased') continue
        const key = `${toHex(secret)}/${toHex(host)}`
        const question = wanted.get(key) ?? { secret, host: toHex(host), roots: [] }
        question.roots.push(root)
        wanted.set(key, question)
      }
    }
    const answers: Answers = { held: new Set(), denied: new Set() }
    await Promise.all([...wanted.values()].map(({ secret, host, roots }) => this.ask(secret, host, roots, answers, signal)))
    let sure = Infinity
    for (const [name, { k, rows, roots }] of batch) {
      const said = (set: ReadonlySet<string>, index: number): boolean => set.has(answerKey(toHex(rows[index]?.host ?? new Uint8Array()), roots[index]))
      const denied = rows.flatMap((row, index) => (row.state === 'leased' && said(answers.denied, index) ? [index] : []))
      if (denied.length > 0) await this.mark(name, denied, rows)
      const confirmed = rows.map(({ host, state }, index) => (host !== undefined && state === 'leased' && said(answers.held, index) ? toHex(host) : undefined))
      sure = Math.min(sure, survives([{ k, rows: confirmed }]))
    }
    return sure
  }

  private async ask(secret: Bytes, host: PeerKey, roots: readonly Bytes[], answers: Answers, signal: AbortSignal): Promise<void> {
    try {
      const client = await this.deps.clientFor(secret, host, signal)
      for (let at = 0; at < roots.length; at += ASKED) {
        const part = roots.slice(at, at + ASKED)
        const holdings = await client.has(part, { signal })
        for (const [i, root] of part.entries()) (holdings[i] === 'leased' ? answers.held : answers.denied).add(answerKey(host, root))
      }
    } catch (error) {
      throwIfAborted(signal)
      if (isAppError(error, 'bug')) throw error
    }
  }

  private mark(name: string, denied: readonly number[], asked: SealedRecord['rows']): Promise<void> {
    return this.deps.references.run(async () => {
      const key = listKey.sealed(fromHex(name))
      const sealed = await this.deps.journal.read(key, sealedRecord)
      if (sealed === undefined) return
      const rows = sealed.rows.map((row, index) => {
        const before = asked[index]?.host
        const same = denied.includes(index) && row.state === 'leased' && row.host !== undefined && before !== undefined && equal(row.host, before)
        return same ? { ...row, state: 'bad' as const } : row
      })
      await this.deps.journal.write([put(key, sealedRecord, { ...sealed, rows })])
    })
  }

  /** A node that one of its hosts confirms is enough to read the file; those that deny it are taken off its list. */
  private async proveNodes(file: FileEntry, signal: AbortSignal): Promise<number> {
    let sure = Infinity
    for (const name of file.record.share?.nodes ?? []) {
      const node = await this.deps.journal.read(listKey.node(name), nodeRecord)
      if (node === undefined) return -1
      const answers: Answers = { held: new Set(), denied: new Set() }
      await Promise.all(node.holders.map(({ host }) => this.ask(file.record.secret, toHex(host), [name], answers, signal)))
      if (answers.denied.size > 0) await this.markNode(name, node.holders.filter(({ host }) => answers.denied.has(answerKey(toHex(host), name))))
      sure = Math.min(sure, answers.held.size - 1)
    }
    return sure
  }

  /** Takes `denied` off the node's list, but for those that were given it anew meanwhile. */
  private markNode(name: Bytes, denied: readonly Holder[]): Promise<void> {
    return this.deps.references.run(async () => {
      const node = await this.deps.journal.read(listKey.node(name), nodeRecord)
      if (node === undefined) return
      const holders = node.holders.filter(({ lease }) => !denied.some((other) => equal(other.lease, lease)))
      await this.deps.journal.write([put(listKey.node(name), nodeRecord, { ...node, holders })])
    })
  }

  /** The share object: a holder that has none, or was told that the file is gone, is no holder. */
  private async proveObject(file: FileEntry, signal: AbortSignal): Promise<number> {
    const { share, link } = file.record
    if (share === undefined) return -1
    const { recordName } = await linkKeys(link)
    const answers = await Promise.all(share.holders.map((host) => this.hasObject(toHex(host), recordName, signal)))
    const holders = share.holders.filter((_, i) => answers[i] !== false)
    if (holders.length < share.holders.length && isUnproved(file) && file.record.share === share) await this.deps.table.update(file, { share: { ...share, holders } })
    return answers.filter((answer) => answer === true).length - 1
  }

  private async hasObject(host: PeerKey, name: Bytes, signal: AbortSignal): Promise<boolean | undefined> {
    try {
      const client = await this.deps.hosts.client(host, signal)
      return (await client.getObject(name, { signal })).bytes.length > 0
    } catch (error) {
      throwIfAborted(signal)
      if (isAppError(error, 'bug')) throw error
      return isAppError(error, 'absent') ? false : undefined
    }
  }
}

function isUnproved({ record }: FileEntry): boolean {
  return record.status === 'stored' && record.health === undefined
}

function answerKey(host: PeerKey, root: Bytes | undefined): string {
  return `${host}/${root === undefined ? '' : toHex(root)}`
}
