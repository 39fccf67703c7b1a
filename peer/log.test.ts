import { expect, it } from 'vitest'
import { AppError } from '../core/base/errors.ts'
import { jsonLog } from './log.ts'

it('writes one JSON object a line, with the whole error, and leaves out what is below the lowest level', () => {
  const lines: string[] = []
  const log = jsonLog((line) => lines.push(line), () => 0, 'warn')
  log('info', 'quiet')
  log('warn', 'odd', { port: 1 }, new AppError('transient', 'relay.lost', 'gone', { cause: new Error('why') }))
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      time: '1970-01-01T00:00:00.000Z',
      level: 'warn',
      message: 'odd',
      port: 1,
      error: { kind: 'transient', code: 'relay.lost', message: 'gone', data: {}, cause: { kind: 'bug', code: 'unexpected', message: 'why', data: {} } },
    },
  ])
})
