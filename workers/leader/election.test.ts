import { beforeEach, describe, expect, it } from 'vitest'
import { FakeClock, settle } from '../../core/testkit/fake-clock.ts'
import { FakeLocks } from '../testkit/fake-locks.ts'
import { Election } from './election.ts'
import type { News } from './news.ts'

/** Tabs of one browser: their lock, and what they say to each other. */
class Browser {
  readonly locks = new FakeLocks()
  readonly tabs: TestTab[] = []
  readonly said: News[] = []

  tab(visible = true): TestTab {
    const tab = new TestTab(this, this.tabs.length, visible)
    this.tabs.push(tab)
    return tab
  }

  say(from: TestTab | undefined, news: News): void {
    this.said.push(news)
    for (const tab of this.tabs) if (tab !== from && !tab.frozen) tab.election.hear(news)
  }

  /** Time passes for all tabs that are not frozen; the workers of leaders beat. */
  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      for (const { leads, frozen } of this.tabs) if (leads !== undefined && !frozen) this.say(undefined, { kind: 'beat', leader: leads })
      for (const { clock, frozen } of this.tabs) if (!frozen) await clock.advance(1000)
    }
  }
}

class TestTab {
  readonly clock = new FakeClock()
  readonly election: Election
  leads: string | undefined
  deposed = 0
  followed: (string | undefined)[] = []
  frozen = false
  visible: boolean
  private terms = 0

  constructor(browser: Browser, number: number, visible: boolean) {
    this.visible = visible
    this.election = new Election(
      {
        clock: this.clock,
        locks: browser.locks,
        visible: () => this.visible,
        newName: () => `${number}.${this.terms++}`,
        say: (news) => browser.say(this, news),
      },
      {
        lead: (leader) => (this.leads = leader),
        depose: () => {
          this.leads = undefined
          this.deposed++
        },
        follow: (leader) => this.followed.push(leader),
      },
    )
    void this.election.run()
  }
}

describe('the election of a leader', () => {
  let browser: Browser
  let first: TestTab
  let second: TestTab
  beforeEach(async () => {
    browser = new Browser()
    first = browser.tab()
    second = browser.tab()
    await settle()
  })

  it('[L1] makes the first tab lead and others follow, and the next one lead when it goes', async () => {
    expect([first.leads, second.leads]).toEqual(['0.0', undefined])
    expect(second.followed).toEqual([undefined])
    first.election.leave()
    await settle()
    expect([first.leads, second.leads]).toEqual([undefined, '1.0'])
    expect(first.deposed).toBe(1)
  })

  it('[L2] tells followers the name of the leader, whose beats keep it in office', async () => {
    await browser.pass(100)
    expect(first.leads).toBe('0.0')
    expect(new Set(second.followed)).toEqual(new Set([undefined, '0.0']))
  })

  it('[L3] takes the lock from a leader that is silent, after 6 ticks and not before', async () => {
    await browser.pass(3)
    first.frozen = true
    await browser.pass(4)
    expect(second.leads).toBeUndefined()
    await browser.pass(1)
    expect(second.leads).toBe('1.0')
    expect(browser.said.at(-1)).toMatchObject({ kind: 'lead', leader: '1.0', stolen: true })
  })

  it('[L3] lets a hidden tab wait longer than one that is seen', async () => {
    second.visible = false
    const third = browser.tab()
    await browser.pass(2)
    first.frozen = true
    await browser.pass(8)
    expect([second.leads, third.leads]).toEqual([undefined, '2.0'])
  })

  it('[L3] lets a hidden tab take over when there is no other', async () => {
    second.visible = false
    first.frozen = true
    await browser.pass(19)
    expect(second.leads).toBeUndefined()
    await browser.pass(1)
    expect(second.leads).toBe('1.0')
  })

  it('[L3] blames nobody for the time that the whole machine slept', async () => {
    await browser.pass(2)
    for (const { clock } of browser.tabs) clock.jump(clock.now() + 3_600_000)
    await browser.pass(10)
    expect([first.leads, second.leads]).toEqual(['0.0', undefined])
  })

  it('[L3] gives a leader that has just begun time to load', async () => {
    first.election.leave()
    await settle()
    second.frozen = true
    const third = browser.tab()
    third.election.hear({ kind: 'lead', leader: '1.0', stolen: false })
    await browser.pass(35)
    expect(third.leads).toBeUndefined()
    await browser.pass(1)
    expect(third.leads).toBe('2.0')
  })

  it('[L4] steals once a minute at most in one browser, whoever does it', async () => {
    const third = browser.tab()
    await browser.pass(1)
    first.frozen = true
    await browser.pass(6)
    expect([second.leads, third.leads].filter((name) => name !== undefined)).toHaveLength(1)
    const thief = second.leads === undefined ? third : second
    const other = thief === second ? third : second
    thief.frozen = true
    await browser.pass(57)
    expect(other.leads).toBeUndefined()
    await browser.pass(4)
    expect(other.leads).toBeDefined()
  })

  it('[L5] deposes the leader whose lock was taken, which follows then, and can lead again', async () => {
    first.frozen = true
    await browser.pass(7)
    first.frozen = false
    await browser.pass(2)
    expect([first.leads, first.deposed]).toEqual([undefined, 1])
    expect(first.followed.at(-1)).toBe('1.0')
    second.election.leave()
    await settle()
    expect(first.leads).toBe('0.1')
  })

  it('does not believe late beats of a leader that is gone', async () => {
    first.frozen = true
    await browser.pass(7)
    const third = browser.tab()
    third.election.hear({ kind: 'beat', leader: '0.0' })
    await browser.pass(2)
    third.followed = []
    third.election.hear({ kind: 'beat', leader: '0.0' })
    expect(third.followed).toEqual([])
  })

  it('lets a tab that leaves while it waits never lead', async () => {
    second.election.leave()
    first.election.leave()
    await browser.pass(30)
    expect([first.leads, second.leads]).toEqual([undefined, undefined])
  })
})
