import { beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../../core/base/errors.ts'
import { FakeClock, settle } from '../../core/testkit/fake-clock.ts'
import type { DownloadState, PeerContract, Snapshot } from '../contract.ts'
import { NOTHING } from '../peer-guard.ts'
import { LeaderLine, type Line } from './leader-line.ts'

const never = new Promise<never>(() => undefined)
const lost = { kind: 'transient', code: 'leader.lost' }
const FILE = { file: new File(['x'], 'x'), path: 'x' }

/** A leader that answers as `parts` say, and to nothing else. */
class TestLeader implements Line {
  readonly leader: string
  readonly lost = Promise.withResolvers<undefined>()
  readonly peer: PeerContract
  readonly asked: string[] = []
  tell: (snapshot: Snapshot) => void = () => undefined

  constructor(leader: string, parts: Partial<PeerContract> = {}) {
    this.leader = leader
    const watch = async (listener: (snapshot: Snapshot) => void): Promise<void> => void (this.tell = listener)
    const all: Partial<PeerContract> = { watch, ...parts }
    this.peer = new Proxy(all as PeerContract, {
      get:
        (target, name: keyof PeerContract) =>
        (...given: unknown[]) => {
          if (name !== 'watch') this.asked.push([name, ...given].join(' '))
          const call = target[name] as ((...given: unknown[]) => unknown) | undefined
          return call === undefined ? never : call(...given)
        },
    })
  }

  go(): void {
    this.lost.resolve(undefined)
  }
}

describe('the peer as a page sees it', () => {
  let clock: FakeClock
  let line: LeaderLine
  beforeEach(() => {
    clock = new FakeClock()
    line = new LeaderLine(clock, () => Promise.resolve())
  })

  it('lets calls wait for the first leader', async () => {
    const asked = line.peer.link('a')
    await settle()
    line.connect(new TestLeader('1', { link: async (id) => `link of ${id}` }))
    expect(await asked).toBe('link of a')
  })

  it('[P2] says that another tab is open, and rejects calls, where that tab cannot be reached', async () => {
    const seen: Snapshot[] = []
    await line.peer.watch((snapshot) => void seen.push(snapshot))
    const early = line.peer.link('a')
    line.wait()
    await expect(early).rejects.toMatchObject({ kind: 'transient', code: 'tab.waiting' })
    await expect(line.peer.add([FILE], '')).rejects.toMatchObject({ code: 'tab.waiting' })
    expect(seen.map(({ phase }) => phase)).toEqual(['waiting-for-tab'])
    line.connect(new TestLeader('1', { link: async () => 'linked' }))
    expect(await line.peer.link('a')).toBe('linked')
  })

  it('[P3] repeats a safe call at the next leader', async () => {
    const first = new TestLeader('1')
    const second = new TestLeader('2', { link: async (id) => `link of ${id}` })
    line.connect(first)
    const asked = line.peer.link('a')
    await settle()
    first.go()
    await settle()
    line.connect(second)
    expect(await asked).toBe('link of a')
    expect([first.asked, second.asked]).toEqual([['link a'], ['link a']])
  })

  it('[P3] repeats a safe call when a leader takes over that nobody missed yet', async () => {
    line.connect(new TestLeader('1'))
    const asked = line.peer.link('a')
    await settle()
    line.connect(new TestLeader('2', { link: async () => 'linked' }))
    expect(await asked).toBe('linked')
  })

  it('[P3] rejects a call that must not be done twice, and does not repeat it', async () => {
    const first = new TestLeader('1')
    const second = new TestLeader('2', { add: async () => undefined })
    line.connect(first)
    const adding = expect(line.peer.add([FILE], '')).rejects.toMatchObject(lost)
    const restoring = expect(line.peer.restoreBackup(FILE.file)).rejects.toMatchObject(lost)
    await settle()
    line.connect(second)
    await Promise.all([adding, restoring])
    expect(second.asked).toEqual([])
  })

  it('[P3] takes a file that is no longer there for removed, when the removal was repeated', async () => {
    const absent = async (): Promise<never> => {
      throw new AppError('absent', 'file.absent', 'no such file')
    }
    line.connect(new TestLeader('1'))
    const removing = line.peer.trash(['a'])
    await settle()
    line.connect(new TestLeader('2', { trash: absent }))
    await removing
    await expect(line.peer.trash(['a'])).rejects.toMatchObject({ code: 'file.absent' })
  })

  it('[F2] repeats a safe call that a leader rejects because it is none any more', async () => {
    const first = new TestLeader('1', {
      retry: async () => {
        throw new AppError('transient', 'leader.deposed', 'another tab leads')
      },
    })
    line.connect(first)
    const retrying = line.peer.retry('a')
    await settle()
    line.connect(new TestLeader('2', { retry: async () => undefined }))
    await retrying
    expect(first.asked).toEqual(['retry a'])
  })

  it('[P4] goes on with snapshots of the next leader, from when it runs', async () => {
    const [first, second] = [new TestLeader('1'), new TestLeader('2')]
    const seen: string[] = []
    await line.peer.watch(({ phase, hosts }) => void seen.push(`${phase} ${hosts}`))
    line.connect(first)
    first.tell({ ...NOTHING, phase: 'starting' })
    first.tell({ ...NOTHING, phase: 'running', hosts: 4 })
    line.connect(second)
    first.tell({ ...NOTHING, phase: 'running', hosts: 3 })
    second.tell({ ...NOTHING, phase: 'starting' })
    second.tell({ ...NOTHING, phase: 'running', hosts: 2 })
    expect(seen).toEqual(['starting 0', 'running 4', 'running 2'])
    const late: number[] = []
    await line.peer.watch(({ hosts }) => void late.push(hosts))
    expect(late).toEqual([2])
  })

  it('[P5] opens a download at the next leader under its token, watches it there, and shows no step back', async () => {
    let report: (state: DownloadState) => void = () => undefined
    const watching = (state: DownloadState): Partial<PeerContract> => ({
      downloadFile: async (_, token) => ({ token: token ?? 'token', url: '/s' }),
      watchDownload: (_, listener) => {
        report = listener
        listener(state)
        return never
      },
    })
    line.connect(new TestLeader('1', watching({ kind: 'running', done: 0, size: 9 })))
    const { token } = await line.peer.downloadFile('a')
    const seen: DownloadState[] = []
    const watched = line.peer.watchDownload(token, (state) => void seen.push(state))
    await settle()
    report({ kind: 'running', done: 5, size: 9 })
    const second = new TestLeader('2', { ...watching({ kind: 'running', done: 0, size: 9 }) })
    line.connect(second)
    await settle()
    expect(second.asked[0]).toBe('downloadFile a token')
    report({ kind: 'running', done: 6, size: 9 })
    expect(seen.map((state) => (state.kind === 'running' ? state.done : state.kind))).toEqual([0, 5, 6])
    expect([await line.peer.owns(token), await line.peer.owns('other')]).toEqual([true, false])
    watched.catch(() => undefined)
  })

  it('[P5] opens a ZIP at the next leader with the same files in the same order', async () => {
    const making: Partial<PeerContract> = { downloadZip: async (_, token) => ({ token: token ?? 'token', url: '/s' }), serve: async () => undefined }
    line.connect(new TestLeader('1', making))
    const { token } = await line.peer.downloadZip(['b', 'a'])
    const second = new TestLeader('2', making)
    line.connect(second)
    await line.peer.serve(token, new MessageChannel().port1)
    expect(second.asked[0]).toBe('downloadZip b,a token')
  })

  it('[P5] serves a download at the next leader as soon as that can open it', async () => {
    let tries = 0
    line.connect(new TestLeader('1', { downloadLink: async () => ({ token: 'token', url: '/s' }) }))
    await line.peer.downloadLink('seed')
    const served: string[] = []
    line.connect(
      new TestLeader('2', {
        downloadLink: async (_, token) => {
          if (tries++ === 0) throw new AppError('transient', 'link.unreachable', 'no hosts yet')
          return { token: token ?? '', url: '/s' }
        },
        serve: async (token) => void served.push(token),
      }),
    )
    const { port1, port2 } = new MessageChannel()
    const serving = line.peer.serve('token', port2)
    await clock.advance(1000)
    await serving
    expect([served, tries]).toEqual([['token'], 2])
    port1.close()
  })

  it('takes its own leave for a stop, and lets the leader be', async () => {
    let left = 0
    const leader = new TestLeader('1')
    line = new LeaderLine(clock, async () => {
      left++
    })
    line.connect(leader)
    await line.peer.stop()
    expect([left, leader.asked]).toEqual([1, []])
  })
})
