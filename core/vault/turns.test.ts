import { describe, expect, it } from 'vitest'
import { Turns } from './turns.ts'

describe('Turns', () => {
  it('run tasks of one name in order, and of different names side by side', async () => {
    const turns = new Turns()
    const events: string[] = []
    const gate = Promise.withResolvers<undefined>()
    const first = turns.run('a', async () => {
      await gate.promise
      events.push('a1')
    })
    const second = turns.run('a', async () => {
      events.push('a2')
    })
    await turns.run('b', async () => {
      events.push('b1')
    })
    gate.resolve(undefined)
    await Promise.all([first, second])
    expect(events).toEqual(['b1', 'a1', 'a2'])
  })

  it('go on after a task that fails, and tell only its caller', async () => {
    const turns = new Turns()
    const first = turns.run('a', () => Promise.reject(new Error('broken')))
    const second = turns.run('a', () => Promise.resolve('fine'))
    await expect(first).rejects.toThrow('broken')
    expect(await second).toBe('fine')
    await turns.idle()
  })
})
