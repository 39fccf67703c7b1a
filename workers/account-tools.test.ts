import { beforeEach, describe, expect, it } from 'vitest'
import type { Bytes } from '../core/base/bytes.ts'
import { AppError } from '../core/base/errors.ts'
import type { Strength } from '../core/account/strength.ts'
import { FakeClock, settle } from '../core/testkit/fake-clock.ts'
import { serveAccountTools, type AccountParts, type AccountReply, type AccountRequest } from './account-serve.ts'
import { accountTools, type AccountTools } from './account-tools.ts'

const cost = { memory: 8, passes: 1, lanes: 1 }
const input = (start: number) => ({ password: Uint8Array.of(start), salt: new Uint8Array(8), cost })
const strong: Strength = { score: 4, accepted: true, reason: undefined, advice: [] }

/** A worker over the real serving side, whose messages are copied as between realms. */
class FakeWorker {
  onmessage: ((event: { data: AccountReply }) => void) | null = null
  onmessageerror: (() => void) | null = null
  onerror: ((event: { message: string; preventDefault(): void }) => void) | null = null
  terminated = false
  private readonly inside: Parameters<typeof serveAccountTools>[0]

  constructor(parts: AccountParts) {
    this.inside = {
      onmessage: null,
      postMessage: (message) => {
        const data = structuredClone(message)
        setTimeout(() => {
          if (!this.terminated) this.onmessage?.({ data })
        }, 0)
      },
    }
    serveAccountTools(this.inside, parts)
  }

  postMessage(message: AccountRequest): void {
    const data = structuredClone(message)
    setTimeout(() => {
      if (!this.terminated) this.inside.onmessage?.({ data } as MessageEvent<AccountRequest>)
    }, 0)
  }

  terminate(): void {
    this.terminated = true
  }

  die(message: string): void {
    this.onerror?.({ message, preventDefault: () => undefined })
  }
}

describe('the account tools', () => {
  let clock: FakeClock
  let workers: FakeWorker[]
  let parts: AccountParts
  let tools: AccountTools
  /** Password bytes that were stretched, in the order in which that began, and how many are under way. */
  let stretched: number[]
  let underWay: number
  let loads: number

  beforeEach(() => {
    clock = new FakeClock()
    workers = []
    stretched = []
    underWay = 0
    loads = 0
    parts = {
      stretch: async ({ password }) => {
        stretched.push(password[0] ?? 0)
        expect(++underWay).toBe(1)
        await settle(1)
        underWay--
        return new Uint8Array(32).fill(password[0] ?? 0)
      },
      loadMeter: async () => {
        loads++
        return (password, name) => (password === name ? { ...strong, score: 0, accepted: false, reason: { code: 'own-name', text: 'Own.' } } : strong)
      },
    }
    const spawn = (): Worker => {
      const worker = new FakeWorker(parts)
      workers.push(worker)
      return worker as unknown as Worker
    }
    tools = accountTools(spawn, clock)
  })

  it('begin a worker with the first call only, and stretch one password at a time, in order', async () => {
    expect(workers.length).toBe(0)
    const all = await Promise.all([1, 2, 3].map((start) => tools.stretch(input(start))))
    expect(all).toEqual([1, 2, 3].map((start): Bytes => new Uint8Array(32).fill(start)))
    expect(stretched).toEqual([1, 2, 3])
    expect(workers.length).toBe(1)
    expect(loads).toBe(0)
  })

  it('load the dictionaries once, when a password is judged', async () => {
    expect(await tools.strength('a', 'b')).toEqual(strong)
    expect(await tools.strength('b', 'b')).toMatchObject({ accepted: false, reason: { code: 'own-name' } })
    expect(loads).toBe(1)
    expect(workers.length).toBe(1)
  })

  it('end the worker a minute after the last answer, and begin another when they are needed again', async () => {
    await tools.strength('a', 'b')
    await clock.advance(59_000)
    await tools.strength('a', 'b')
    await clock.advance(59_000)
    expect(workers[0]?.terminated).toBe(false)
    await clock.advance(1000)
    expect(workers[0]?.terminated).toBe(true)
    await tools.strength('a', 'b')
    expect(workers.map(({ terminated }) => terminated)).toEqual([true, false])
  })

  it('do not end it in the middle of a call', async () => {
    const { promise, resolve } = Promise.withResolvers<Bytes>()
    await tools.stretch(input(1))
    parts = { ...parts, stretch: () => promise }
    await clock.advance(60_000)
    const long = tools.stretch(input(2))
    await clock.advance(120_000)
    expect(workers[1]?.terminated).toBe(false)
    resolve(new Uint8Array(32))
    await long
  })

  it('say so when the worker dies, and go on with another', async () => {
    const { stretch } = parts
    parts = { ...parts, stretch: () => new Promise(() => undefined) }
    const lost = [tools.stretch(input(1)), tools.strength('a', 'b')].map((call) => call.catch((error: unknown) => error))
    workers[0]?.die('out of memory')
    for (const error of await Promise.all(lost)) expect(error).toMatchObject({ kind: 'transient', code: 'account.crashed', message: 'out of memory' })
    expect(workers[0]?.terminated).toBe(true)
    parts = { ...parts, stretch }
    expect(await tools.stretch(input(7))).toEqual(new Uint8Array(32).fill(7))
    // What a worker that was given up still says is heard by nobody.
    workers[0]?.die('again')
    expect(workers[1]?.terminated).toBe(false)
    expect(workers.length).toBe(2)
  })

  it('hand on errors whole, and take a new worker after one', async () => {
    const { stretch, loadMeter } = parts
    parts = { stretch: () => Promise.reject(new AppError('transient', 'memory.short', 'short')), loadMeter: () => Promise.reject(new TypeError('404')) }
    await expect(tools.stretch(input(1))).rejects.toMatchObject({ kind: 'transient', code: 'memory.short' })
    await expect(tools.strength('a', 'b')).rejects.toMatchObject({ kind: 'transient', code: 'strength.unavailable', cause: { message: '404' } })
    parts = { stretch, loadMeter }
    expect(await tools.strength('a', 'b')).toEqual(strong)
    expect(workers.map(({ terminated }) => terminated)).toEqual([true, true, false])
  })

  it('reject everything once they are closed', async () => {
    const call = tools.strength('a', 'b').catch((error: unknown) => error)
    tools.close()
    expect(await call).toMatchObject({ kind: 'aborted' })
    await expect(tools.stretch(input(1))).rejects.toMatchObject({ kind: 'aborted' })
    expect(workers.map(({ terminated }) => terminated)).toEqual([true])
  })
})
