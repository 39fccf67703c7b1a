import { describe, expect, test } from 'vitest'
import { AppError } from '../core/base/errors.ts'
import { FakeClock } from '../core/testkit/fake-clock.ts'
import { seldom } from './report.ts'

function scene() {
  const clock = new FakeClock()
  const lines: { code: string; data: AppError['data'] }[] = []
  const report = seldom(({ code, data }) => void lines.push({ code, data }), clock)
  return { clock, lines, say: (code: string, root = 'r') => report(new AppError('transient', code, 'it happened', { data: { root } })) }
}

describe('the report of a host', () => {
  test('says what strangers cause once a minute for each code, and then how often it was', () => {
    const { clock, lines, say } = scene()
    for (let i = 0; i < 1000; i++) {
      say('shard.sent-twice', `${i}`)
      say('shard.damaged', `${i}`)
    }
    expect(lines).toEqual([
      { code: 'shard.sent-twice', data: { root: '0' } },
      { code: 'shard.damaged', data: { root: '0' } },
    ])
    clock.jump(clock.now() + 60_000)
    say('shard.sent-twice', 'next')
    say('shard.sent-twice', 'unsaid')
    expect(lines.slice(2)).toEqual([{ code: 'shard.sent-twice', data: { root: 'next', unsaid: 999 } }])
  })

  test('says it again after a clock was set back', () => {
    const { clock, lines, say } = scene()
    say('shard.damaged')
    clock.jump(clock.now() - 3_600_000)
    say('shard.damaged')
    expect(lines).toHaveLength(2)
  })

  test('says every fault of its own', () => {
    const { lines, say } = scene()
    for (let i = 0; i < 3; i++) say('vault.damaged')
    expect(lines).toEqual(Array.from({ length: 3 }, () => ({ code: 'vault.damaged', data: { root: 'r' } })))
  })
})
