import { beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../../base/errors.ts'
import type { Network, PeerHint } from '../../ports/network.ts'
import { FakeClock, settle } from '../../testkit/fake-clock.ts'
import { Bell } from '../bell.ts'
import type { Hosts } from './hosts.ts'
import { Search } from './search.ts'

const hint = (name: string): PeerHint => ({ key: name, addresses: [] })
const names = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}${i}`)

/** Hosts that answer at once, and hosts that hang until whoever dials gives up, as a tab does that vanished without a word. */
class Swarm {
  readonly changed = new Bell()
  readonly met: string[] = []
  searches = 0
  dialling = 0
  mostDialling = 0
  announced: readonly string[] = []
  /** How long a host takes that is there, in ms. */
  takes = 0
  private readonly clock: FakeClock

  constructor(clock: FakeClock) {
    this.clock = clock
  }

  search(): Search {
    const hosts = {
      changed: this.changed,
      connected: () => this.met,
      known: () => [],
      isConnected: (key: string) => this.met.includes(key),
      meet: (peer: PeerHint, signal: AbortSignal) => this.meet(peer.key, signal),
    }
    const network = {
      watch: () => undefined,
      state: () => ({ peers: [], relays: [] }),
      findHosts: () => this.found(),
    }
    return new Search({ network: network as unknown as Network, hosts: hosts as unknown as Hosts, clock: this.clock })
  }

  private async meet(key: string, signal: AbortSignal): Promise<boolean> {
    this.dialling++
    this.mostDialling = Math.max(this.mostDialling, this.dialling)
    try {
      await (key.startsWith('dead') ? new Promise<void>((_, reject) => {
        signal.addEventListener('abort', () => { reject(new AppError('aborted', 'aborted', 'cancelled')) }, { once: true })
      }) : this.clock.sleep(this.takes, signal))
      this.met.push(key)
      return true
    } finally {
      this.dialling--
    }
  }

  private async *found(): AsyncIterable<PeerHint> {
    this.searches++
    for (const name of this.announced) {
      await Promise.resolve()
      yield hint(name)
    }
  }
}

describe('the search for hosts', () => {
  let clock: FakeClock
  let swarm: Swarm
  let ending: AbortController

  beforeEach(() => {
    clock = new FakeClock()
    swarm = new Swarm(clock)
    ending = new AbortController()
  })

  async function run(ms: number): Promise<void> {
    const running = swarm.search().run(ending.signal)
    for (let passed = 0; passed < ms; passed += 100) await clock.advance(100)
    ending.abort()
    await running
  }

  it('connects to all of 16 hosts within 5 s, in one search, although 48 before them are gone and hang', async () => {
    swarm.announced = [...names('dead', 48), ...names('live', 16)]
    await run(5000)
    expect(swarm.met).toHaveLength(16)
    expect(swarm.searches).toBe(1)
  })

  it('dials no more than 36 at once, and stops where it has 24', async () => {
    swarm.announced = [...names('dead', 60), ...names('live', 60)]
    await run(8000)
    expect(swarm.mostDialling).toBeLessThanOrEqual(36)
    expect(swarm.met.length).toBeGreaterThanOrEqual(24)
    expect(swarm.met.length).toBeLessThan(24 + 16)
  })

  it('gives a slow host 10 s when nobody waits for its place', async () => {
    swarm.takes = 9000
    swarm.announced = names('live', 16)
    await run(9500)
    expect(swarm.met).toHaveLength(16)
  })

  it('leaves nothing running when it ends in the middle of dials', async () => {
    swarm.announced = names('dead', 40)
    await run(2000)
    await settle()
    expect(swarm.dialling).toBe(0)
    expect(clock.sleeping).toBe(0)
  })
})
