import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Gate } from './gate.ts'

/** The order in which waiters passed or gave up, after all that can happen has happened. */
async function settled(log: readonly string[]): Promise<readonly string[]> {
  await new Promise((resolve) => setImmediate(resolve))
  return log
}

describe('a gate', () => {
  it('lets in what fits, and the rest first come first served', async () => {
    const gate = new Gate(10)
    const log: string[] = []
    await gate.enter(6)
    void gate.enter(5).then(() => log.push('five'))
    void gate.enter(1).then(() => log.push('one'))
    expect(await settled(log)).toEqual([])
    gate.leave(6)
    expect(await settled(log)).toEqual(['five', 'one'])
    expect(gate.taken).toBe(6)
  })

  it('lets an amount over the whole limit pass alone', async () => {
    const gate = new Gate(10)
    const log: string[] = []
    await gate.enter(1)
    void gate.enter(99).then(() => log.push('large'))
    void gate.enter(1).then(() => log.push('small'))
    gate.leave(1)
    expect(await settled(log)).toEqual(['large'])
    gate.leave(99)
    expect(await settled(log)).toEqual(['large', 'small'])
  })

  it('forgets who gave up, takes nothing for it, and lets in who stood behind', async () => {
    const gate = new Gate(10)
    const log: string[] = []
    const stop = new AbortController()
    await gate.enter(5)
    const large = gate.enter(9, stop.signal)
    void gate.enter(2).then(() => log.push('small'))
    expect(await settled(log)).toEqual([])
    stop.abort()
    await expect(large).rejects.toMatchObject({ kind: 'aborted' })
    expect(await settled(log)).toEqual(['small'])
    expect(gate.taken).toBe(7)
    await expect(gate.enter(1, AbortSignal.abort())).rejects.toMatchObject({ kind: 'aborted' })
    expect(gate.taken).toBe(7)
  })

  it('counts what was forced in, over its limit if need be, before it lets in more', async () => {
    const gate = new Gate(10)
    const log: string[] = []
    gate.force(12)
    void gate.enter(3).then(() => log.push('in'))
    gate.leave(4)
    expect(await settled(log)).toEqual([])
    gate.leave(1)
    expect(await settled(log)).toEqual(['in'])
    expect(gate.taken).toBe(10)
  })

  it('never holds more than its limit, and in the end lets everybody in', async () => {
    const amounts = fc.array(fc.integer({ min: 1, max: 10 }), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(amounts, async (all) => {
        const gate = new Gate(10)
        const passed: number[] = []
        await Promise.all(
          all.map(async (amount, i) => {
            await gate.enter(amount)
            passed.push(i)
            expect(gate.taken).toBeLessThanOrEqual(10)
            await Promise.resolve()
            gate.leave(amount)
          }),
        )
        expect(passed).toEqual([...all.keys()])
        expect(gate.taken).toBe(0)
      }),
      { numRuns: 50 },
    )
  })
})
