import { expose, wrap } from 'comlink'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { PeerContract, Snapshot } from './contract.ts'
import { guardPeer } from './peer-guard.ts'

const never = new Promise<never>(() => undefined)
const crashed = { kind: 'transient', code: 'peer.crashed' }
const snapshot: Snapshot = {
  phase: 'running',
  peers: 3,
  hosts: 2,
  relayed: 0,
  relays: [],
  space: { files: 0, stored: 0, free: 0 },
  local: { used: 0, quota: 0 },
}

/** A peer whose worker answers `owns` when it is `alive`, `link` always, and nothing else. */
function scene(alive: boolean) {
  const worker = new EventTarget()
  let tell: (snapshot: Snapshot) => void = () => undefined
  const remote = {
    owns: () => (alive ? Promise.resolve(false) : never),
    link: (id: string) => Promise.resolve(`link of ${id}`),
    backup: () => never,
    watch: (listener: (snapshot: Snapshot) => void) => {
      tell = listener
      return Promise.resolve()
    },
  } as unknown as PeerContract
  return { worker, peer: guardPeer(worker, remote), tell: (one: Snapshot) => tell(one) }
}

function uncaught(): Event {
  return Object.assign(new Event('error'), { message: 'Uncaught RangeError' })
}

describe('a page whose peer worker', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('lives gets its answers and snapshots as they are', async () => {
    const { peer, tell } = scene(true)
    const seen: Snapshot[] = []
    await peer.watch((one) => void seen.push(one))
    tell(snapshot)
    expect(seen).toEqual([snapshot])
    expect(await peer.link('a')).toBe('link of a')
  })

  test('does not load hears of it in the snapshot, and every call rejects, open or new', async () => {
    const { worker, peer, tell } = scene(false)
    const seen: Snapshot[] = []
    await peer.watch((one) => void seen.push(one))
    tell(snapshot)
    const open = expect(peer.backup()).rejects.toMatchObject(crashed)
    worker.dispatchEvent(new Event('error'))
    await open
    await expect(peer.link('a')).rejects.toMatchObject(crashed)
    expect(seen).toEqual([snapshot, { ...snapshot, problem: expect.objectContaining(crashed) as unknown }])
  })

  test('has failed before it was watched hears of it, too', async () => {
    const { worker, peer } = scene(false)
    worker.dispatchEvent(new Event('error'))
    const seen: Snapshot[] = []
    await expect(peer.watch((one) => void seen.push(one))).rejects.toMatchObject(crashed)
    expect(seen).toEqual([expect.objectContaining({ problem: expect.objectContaining(crashed) as unknown })])
  })

  test('says nothing more after an uncaught error hears that it died', async () => {
    const { worker, peer } = scene(false)
    const open = expect(peer.backup()).rejects.toMatchObject(crashed)
    worker.dispatchEvent(uncaught())
    await vi.advanceTimersByTimeAsync(10_000)
    await open
  })

  test('goes on after an uncaught error hears nothing of it', async () => {
    const { worker, peer } = scene(true)
    worker.dispatchEvent(uncaught())
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await peer.link('a')).toBe('link of a')
  })
})

test('a guarded peer is asked over Comlink as one that is not', async () => {
  const { port1, port2 } = new MessageChannel()
  expose({ link: (id: string) => `link of ${id}` }, port2)
  const peer = guardPeer(new EventTarget(), wrap<PeerContract>(port1))
  expect(await peer.link('a')).toBe('link of a')
  port1.close()
})
