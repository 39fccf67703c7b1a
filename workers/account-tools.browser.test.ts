import { afterEach, describe, expect, it } from 'vitest'
import { toHex, utf8 } from '../core/base/bytes.ts'
import { accountTools } from './account-tools.ts'

describe('the account tools in a real worker', () => {
  const tools = accountTools(() => new Worker(new URL('account-worker.ts', import.meta.url), { type: 'module' }))
  afterEach(() => {
    tools.close()
  })

  it('stretch passwords as others do, and know weak ones', async () => {
    // Argon2 v1.3 of the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32`, its test vector.
    const cost = { memory: 65_536, passes: 2, lanes: 1 }
    const key = await tools.stretch({ password: utf8('password'), salt: utf8('somesalt'), cost })
    expect(toHex(key)).toBe('09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7')
    expect(await tools.strength('password', 'anna')).toMatchObject({ accepted: false, reason: { code: 'common' } })
    expect(await tools.strength('vorpal tulip gargle canyon', 'anna')).toMatchObject({ accepted: true, score: 4 })
  })
})
