import { expose, wrap } from 'comlink'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../core/base/errors.ts'
import { installTransferHandlers } from './errors.ts'

interface Service {
  fail(): Promise<void>
  stumble(): Promise<void>
  count(to: number, listener: (n: number) => void): Promise<string>
}

const service: Service = {
  fail: () => Promise.reject(new AppError('quota', 'storage.full', 'full', { data: { free: 3 }, cause: new RangeError('deep') })),
  stumble: () => Promise.reject(new TypeError('a mistake')),
  async count(to, listener) {
    // Here, a listener is a proxy: calling it sends a message, and answers with a promise.
    const tell = listener as unknown as (n: number) => Promise<void>
    for (let n = 1; n <= to; n++) await tell(n)
    return 'counted'
  },
}

describe('a Comlink contract', () => {
  let channel: MessageChannel
  let remote: Service
  beforeAll(installTransferHandlers)
  beforeEach(() => {
    channel = new MessageChannel()
    expose(service, channel.port1)
    remote = wrap<Service>(channel.port2)
  })
  afterEach(() => {
    channel.port1.close()
    channel.port2.close()
  })

  it('keeps code, kind, data and cause of an error, and its class', async () => {
    const error = await remote.fail().catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(AppError)
    expect(error).toMatchObject({ kind: 'quota', code: 'storage.full', message: 'full', data: { free: 3 }, cause: { message: 'deep' } })
  })

  it('makes a bug of whatever else was thrown', async () => {
    await expect(remote.stumble()).rejects.toMatchObject({ kind: 'bug', message: 'a mistake' })
  })

  it('takes a listener as it is', async () => {
    const seen: number[] = []
    expect(await remote.count(3, (n) => seen.push(n))).toBe('counted')
    expect(seen).toEqual([1, 2, 3])
  })
})
