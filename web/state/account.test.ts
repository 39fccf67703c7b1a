import { describe, expect, it, vi } from 'vitest'
import { AppError } from '../../core/base/errors.ts'
import type { Strength } from '../../workers/contract-account.ts'
import { Attempt, NewAccount, NewPassword } from './account.svelte.ts'

const WORDS = Array.from({ length: 24 }, (_, i) => `word${String.fromCharCode(97 + i)}`)

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

function made(): NewAccount {
  return new NewAccount({ createAccount: () => Promise.resolve(WORDS), confirmPositions: () => Promise.resolve([2, 5, 24]) })
}

describe('making an account', () => {
  it('shows the words, and is done when the three that are asked for are right, however they are written', async () => {
    const account = made()
    await account.create('anna', 'correct horse')
    expect(account.step).toBe('words')
    await account.ask()
    account.confirm([' WordB', 'worde ', 'wordx'])
    expect(account.step).toBe('done')
  })

  it('names the words that are wrong, lets one look again, and asks anew', async () => {
    const account = made()
    await account.create('anna', 'correct horse')
    await account.ask()
    account.confirm(['wordb', 'wordf', ''])
    expect(account.wrong).toEqual([5, 24])
    expect(account.step).toBe('confirm')
    account.look()
    expect(account.step).toBe('words')
    await account.ask()
    expect(account.wrong).toEqual([])
  })

  it('stays at the form when it fails, and says why', async () => {
    const account = new NewAccount({
      createAccount: () => Promise.reject(new AppError('invalid', 'password.weak', 'weak')),
      confirmPositions: () => Promise.resolve([]),
    })
    await account.create('anna', '123')
    expect(account.step).toBe('form')
    expect(account.attempt.problem?.code).toBe('password.weak')
  })

  it('is asked for once, however often the button is pressed', async () => {
    const work = vi.fn(() => settled())
    const attempt = new Attempt()
    await Promise.all([attempt.run(work), attempt.run(work)])
    expect(work).toHaveBeenCalledOnce()
    expect(attempt.working).toBe(false)
  })
})

describe('a new password', () => {
  const strength = (score: number): Strength => ({ score, accepted: score > 2, advice: [] })

  it('is judged once typing rests, as it then stands', async () => {
    const ask = vi.fn((password: string) => Promise.resolve(strength(password.length)))
    const password = new NewPassword({ strength: ask }, 0)
    password.typed('a', '')
    password.typed('abc', 'anna')
    await settled()
    expect(ask.mock.calls).toEqual([['abc', 'anna']])
    expect(password.strength?.score).toBe(3)
  })

  it('keeps the newest judgement when an older one comes late, and none for no password', async () => {
    const slow = Promise.withResolvers<Strength>()
    const password = new NewPassword({ strength: (text) => (text === 'old' ? slow.promise : Promise.resolve(strength(4))) }, 0)
    password.typed('old', '')
    await settled()
    password.typed('new', '')
    await settled()
    slow.resolve(strength(0))
    await settled()
    expect(password.strength?.score).toBe(4)
    password.typed('', '')
    expect(password.strength).toBeUndefined()
  })
})
