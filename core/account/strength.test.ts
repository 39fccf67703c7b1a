import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCORE_NEEDED, strengthMeter } from './strength.ts'

const strength = strengthMeter()

describe('a password', () => {
  it('that is known, near, short or a pattern is refused with the reason', () => {
    const weak: [string, string][] = [
      ['password', 'common'],
      ['p4ssw0rd!', 'similar'],
      ['qwertyuiop', 'common'],
      ['wertyhgfd', 'keyboard'],
      ['aaaaaaaaaaaa', 'repeat'],
      ['dogdogdogdog', 'repeat'],
      ['abcdefghijk', 'sequence'],
      ['23.11.1987', 'date'],
      ['tulip', 'single-word'],
      ['Lovelace', 'first-or-last-name'],
      ['xK9vQ2', 'too-short'],
      ['', 'too-short'],
    ]
    const reasons = weak.map(([password]) => [password, strength(password, 'nobody').reason?.code])
    expect(reasons).toEqual(weak)
    expect(weak.every(([password]) => !strength(password, 'nobody').accepted)).toBe(true)
  })

  it('of several unrelated words, or of many random characters, is accepted without a word', () => {
    for (const password of ['vorpal tulip gargle canyon', 'kD8!mz3Lp0vW', 'été à la mer, cœur', 'Ofen Lampe Kiesel Möwe']) {
      expect([password, strength(password, 'ada')]).toEqual([password, { score: 4, accepted: true, reason: undefined, advice: [] }])
    }
  })

  it('made of the name or of ours is weaker than for anybody else', () => {
    const name = 'Xanthippe Quarrell'
    for (const password of ['xanthippequarrell', 'Xanthippe Quarrell', 'quarrell', 'QUARRELL1', 'xanthippe']) {
      const own = strength(password, name)
      expect([password, own.accepted]).toEqual([password, false])
      expect(own.score).toBeLessThanOrEqual(strength(password, 'ada').score)
    }
    expect(strength('xanthippequarrell', 'ada').accepted).toBe(true)
    expect(strength('quarrell', name).reason?.code).toBe('own-name')
    expect(strength('shoal', 'ada').reason?.code).toBe('own-name')
    expect(strength('zq.vexley@example.org', 'zq.vexley@example.org').reason?.code).toBe('own-name')
  })

  it('is refused below a score of 3 and never with nothing to say', () => {
    const piece = fc.oneof(fc.constantFrom('shoal', 'password', 'a', '1987', 'qwer', 'toString', '__proto__', '4@'), fc.string({ unit: 'binary' }))
    const texts = fc.array(piece, { maxLength: 6 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(texts, texts, (password, name) => {
        const { score, accepted, reason, advice } = strength(password, name)
        expect([0, 1, 2, 3, 4]).toContain(score)
        expect(accepted).toBe(score >= SCORE_NEEDED)
        expect(reason === undefined).toBe(accepted)
        expect(new Set(advice.map((one) => one.code)).size).toBe(advice.length)
        for (const { text } of [...advice, ...(reason === undefined ? [] : [reason])]) expect(text).toMatch(/^[A-Z].+[.]$/)
      }),
      { numRuns: 40 },
    )
  })

  it('is told how it gets better', () => {
    const codes = (password: string): string[] => strength(password, 'ada').advice.map((one) => one.code)
    expect(codes('Tulip')).toEqual(['add-word', 'capitals-known'])
    expect(codes('tul1p')).toEqual(['add-word', 'swaps-known'])
    expect(codes('pilut')).toEqual(['add-word', 'reversed-known'])
    expect(codes('')).toEqual(['several-words', 'symbols-not-needed'])
  })

  it('is judged by its first 64 characters, however long it is', () => {
    for (const start of ['4@'.repeat(32), 'p4$$w0rd'.repeat(8), 'a'.repeat(64), 'vorpal tulip gargle canyon'.padEnd(64, 'x')]) {
      expect(strength(start + 'X7#q'.repeat(250_000), 'ada'.repeat(100_000))).toEqual(strength(start, 'ada'.repeat(100_000)))
    }
  })
})
