import { AppError, asAppError } from '../base/errors.ts'
import { toHex, type Bytes } from '../base/bytes.ts'
import { Gate } from '../base/gate.ts'
import type { Verify } from '../formats/signed.ts'
import type { Budget } from './budget.ts'
import type { Channel, ChannelMessage } from './channel.ts'
import { answer, isRequest, type HostParts, type Job, type Request } from './host-answers.ts'
import { Inbound } from './inbound.ts'
import {
  HELLO_TIME,
  IDLE_TIME,
  MAX_INTERLEAVED,
  MAX_OPEN,
  MAX_WORK,
  READS_AHEAD,
  REQUEST_BURST,
  REQUEST_RATE,
  STALL_TIME,
  WATCH_STEP,
} from './limits.ts'
import type { Message, MessageOf } from './messages.ts'
import { tenantProof } from './tenant-proof.ts'
import { TokenBucket } from './token-bucket.ts'
import type { TenantName } from './vault-index.ts'
import { toWire } from './wire-error.ts'

export interface SessionParts extends HostParts {
  readonly verify: Verify
  /** This host's signed advert of now. */
  readonly advert: () => Promise<Bytes>
  /** Told of faults of this host itself: disk, index, bugs. What clients do wrong is told to them only. */
  readonly report: (error: AppError) => void
}

const OWN_FAULTS: ReadonlySet<string> = new Set(['shard.io', 'meta.failed', 'shard.damaged', 'object.damaged', 'vault.damaged'])

interface Open {
  readonly control: AbortController
  readonly inbound: Inbound
}

/** One stream of one client, on the host: greeting, open requests, their DATA, and when to stop. */
export class Session {
  private readonly channel: Channel
  private readonly parts: SessionParts
  private readonly budget: Budget
  private readonly nonce: Bytes
  private readonly bucket: TokenBucket
  private readonly reads = new Gate(READS_AHEAD)
  private readonly open = new Map<number, Open>()
  private readonly ended = new AbortController()
  private greeted = false
  /** Whether DATA came since the stream was last looked after. */
  private dataCame = false
  private tenant: TenantName | undefined
  /** Requests being worked on, cancelled ones included, and who waits for one to end. */
  private work = 0
  private workEnded: (() => void) | undefined
  private lastSent: Promise<void> = Promise.resolve()

  /** `budget`: bytes of memory for what is on its way in, over all streams of this host. */
  constructor(channel: Channel, parts: SessionParts, budget: Budget) {
    this.channel = channel
    this.parts = parts
    this.budget = budget
    this.nonce = parts.random.bytes(32)
    this.bucket = new TokenBucket(REQUEST_RATE, REQUEST_BURST, parts.clock)
  }

  /** Serves until the stream ends. Rejects as `Channel.run`. */
  async run(): Promise<void> {
    const running = this.channel.run((message) => this.receive(message))
    // It is awaited below, maybe after it rejected.
    running.catch(() => undefined)
    const watching = this.watch()
    try {
      this.send({ type: 'hello', nonce: this.nonce, advert: await this.parts.advert() })
    } catch (error) {
      this.channel.stop(asAppError(error))
    }
    await this.channel.ended
    this.ended.abort()
    for (const id of [...this.open.keys()]) this.forget(id)
    await watching
    await running
  }

  private async receive(message: ChannelMessage): Promise<void> {
    if (!this.greeted) this.greet(message)
    else if (message.type === 'data') this.data(message)
    else if (message.type === 'cancel') this.forget(message.id)
    else if (isRequest(message)) await this.request(message)
    else throw new AppError('invalid', 'frame.unexpected', `${message.type} is not a request`)
  }

  private async request(message: Request): Promise<void> {
    if (this.open.has(message.id)) throw new AppError('invalid', 'request.reused', 'the id of an open request')
    // An answer that is just leaving is over for the client, and still open here: at most as many as are read ahead.
    if (this.open.size >= MAX_OPEN + READS_AHEAD) return this.refuse(message, 'request.too-many')
    if (!this.bucket.tryTake()) return this.refuse(message, 'rate.limited')
    if (this.channel.clogged) await this.lastSent
    while (this.work >= MAX_WORK) await new Promise<void>((resolve) => (this.workEnded = resolve))
    void this.serve(message, this.begin(message))
  }

  private greet(message: ChannelMessage): void {
    if (message.type !== 'hi') throw new AppError('invalid', 'frame.unexpected', `${message.type} before HI`)
    this.greeted = true
    if (message.proof === undefined) return
    const { key, signature } = message.proof
    const { identity, verify } = this.parts
    if (!verify(key, tenantProof(identity.key, this.channel.remote, this.nonce), signature)) {
      throw new AppError('invalid', 'tenant.forged', 'the proof of the tenant is wrong')
    }
    this.tenant = toHex(key)
  }

  private begin(request: Request): Open {
    const size = request.type === 'put' || request.type === 'putObject' ? request.size : 0
    const open = { control: new AbortController(), inbound: new Inbound(size, this.channel, this.budget) }
    this.open.set(request.id, open)
    return open
  }

  private async serve(request: Request, open: Open): Promise<void> {
    this.work++
    try {
      await answer(request, this.tenant, this.job(request.id, open), this.parts)
    } catch (error) {
      const app = asAppError(error)
      if (app.kind === 'bug' || OWN_FAULTS.has(app.code)) this.parts.report(app)
      if (!open.control.signal.aborted) this.send(toWire(request.id, app))
    } finally {
      this.settle(request.id, open)
      this.work--
      this.workEnded?.()
    }
  }

  private job(id: number, { control, inbound }: Open): Job {
    const { signal } = control
    const { channel, reads } = this
    return {
      inbound,
      reply: (message) => {
        if (!signal.aborted) this.send(message)
      },
      replyWith: async (head, bytes) => {
        if (signal.aborted) return
        this.send(head)
        const transfer = channel.transfer(id, bytes)
        const stop = () => transfer.cancel()
        signal.addEventListener('abort', stop, { once: true })
        await transfer.done
      },
      async inTurn(task) {
        await reads.enter(1, signal)
        try {
          await task()
        } finally {
          reads.leave(1)
        }
      },
    }
  }

  private send(message: Message): void {
    this.lastSent = this.channel.send(message)
  }

  /** Its answer was given. A refused PUT stays open until its DATA has gone by, or the client cancels it. */
  private settle(id: number, open: Open): void {
    open.inbound.end()
    if (this.open.get(id) === open && open.inbound.isComplete) this.open.delete(id)
  }

  private data({ id, bytes }: MessageOf<'data'>): void {
    const open = this.open.get(id)
    if (open === undefined) throw new AppError('invalid', 'data.unasked', 'data for no open request')
    open.inbound.take(bytes)
    this.dataCame = true
    if (open.inbound.isComplete && open.inbound.isDropped) this.open.delete(id)
    let underWay = 0
    for (const other of this.open.values()) if (other.inbound.isUnderWay) underWay++
    if (underWay > MAX_INTERLEAVED) throw new AppError('invalid', 'data.interleaved', 'too many transfers begun at once')
  }

  /** The client wants nothing more of `id`. */
  private forget(id: number): void {
    const open = this.open.get(id)
    if (open === undefined) return
    this.open.delete(id)
    open.control.abort()
    open.inbound.drop()
  }

  /** Says no without doing anything. A peer that does not take its answers is not read any further. */
  private async refuse(request: Request, code: string): Promise<void> {
    if (this.open.size >= 2 * MAX_OPEN) throw new AppError('invalid', code, 'refused requests are not even cancelled')
    this.settle(request.id, this.begin(request))
    this.send(toWire(request.id, new AppError('transient', code, 'too much at once; try again later')))
    if (this.channel.clogged) await this.lastSent
  }

  /** Ends a stream that does not greet, that takes nothing of what waits for it, or on which nothing happens; refuses what stalls. */
  private async watch(): Promise<void> {
    let pulse = this.channel.pulse
    let quiet = 0
    for (let time = WATCH_STEP; ; time += WATCH_STEP) {
      try {
        await this.parts.clock.sleep(WATCH_STEP, this.ended.signal)
      } catch {
        return
      }
      quiet = pulse === this.channel.pulse ? quiet + WATCH_STEP : 0
      pulse = this.channel.pulse
      for (const { inbound } of this.open.values()) inbound.tick(WATCH_STEP, this.dataCame)
      this.dataCame = false
      if (!this.greeted && time >= HELLO_TIME) this.channel.stop(new AppError('transient', 'hello.late', 'no greeting came'))
      else if (this.channel.owed && quiet >= STALL_TIME) this.channel.stop(new AppError('transient', 'peer.stalled', 'nothing was taken'))
      else if (quiet >= IDLE_TIME) this.channel.stop(new AppError('transient', 'stream.idle', 'nothing happened'))
    }
  }
}
