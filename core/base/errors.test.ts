import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { AppError, asAppError, fromPlainError, isAppError, isErrorKind, throwIfAborted, toPlainError } from './errors.ts'

describe('any thrown value', () => {
  it('that is an AppError passes unchanged', () => {
    const error = new AppError('absent', 'shard.absent', 'none')
    expect(asAppError(error, 'transient')).toBe(error)
  })

  it('that says a task was cancelled becomes `aborted`, in a browser’s words or in Node’s', async () => {
    expect(asAppError(new DOMException('stop', 'AbortError')).kind).toBe('aborted')
    const failure: unknown = await readFile(import.meta.filename, { signal: AbortSignal.abort() }).catch((error: unknown) => error)
    expect(asAppError(failure, 'transient').kind).toBe('aborted')
  })

  it('that says a disk is full becomes `quota`', () => {
    expect(asAppError(new DOMException('full', 'QuotaExceededError'))).toMatchObject({ kind: 'quota', code: 'storage.full' })
    expect(asAppError(Object.assign(new Error('full'), { code: 'ENOSPC' }))).toMatchObject({ kind: 'quota', code: 'storage.full' })
  })

  it('becomes what the caller says otherwise, never `absent` by itself, and keeps its cause', () => {
    const missing = Object.assign(new Error('no such file'), { code: 'ENOENT' })
    expect(asAppError(missing, 'transient', 'shard.io')).toMatchObject({ kind: 'transient', code: 'shard.io', cause: missing })
    for (const value of [missing, new Error('x'), 'text', null, 7, {}]) {
      expect(asAppError(value)).toMatchObject({ kind: 'bug', code: 'unexpected', cause: value })
    }
  })
})

describe('an error as plain data', () => {
  it('survives a structured clone with kind, code, data and causes', () => {
    const root = new AppError('transient', 'stream.lost', 'gone', { data: { peer: 'a', tries: 3 } })
    const error = new AppError('absent', 'shard.absent', 'none left', { cause: root, data: { found: 4 } })
    const back = fromPlainError(structuredClone(toPlainError(error)))
    expect(back).toBeInstanceOf(AppError)
    expect(back).toMatchObject({ kind: 'absent', code: 'shard.absent', message: 'none left', data: { found: 4 } })
    expect(back.cause).toMatchObject({ kind: 'transient', code: 'stream.lost', data: { peer: 'a', tries: 3 } })
  })

  it('ends, although causes go in a circle', () => {
    const loop = new Error('loop')
    loop.cause = new AppError('bug', 'a.b', 'x', { cause: loop })
    let depth = 0
    for (let plain = toPlainError(loop).cause; plain !== undefined; plain = plain.cause) depth++
    expect(depth).toBe(4)
  })
})

it('kinds are those of the design, and are told by name', () => {
  for (const kind of ['absent', 'corrupt', 'transient', 'quota', 'denied', 'aborted', 'invalid', 'bug']) expect(isErrorKind(kind)).toBe(true)
  for (const other of ['lost', '', 1, undefined]) expect(isErrorKind(other)).toBe(false)
  const error = new AppError('denied', 'a.b', 'no')
  expect([isAppError(error), isAppError(error, 'denied'), isAppError(error, 'absent'), isAppError(new Error('x'))]).toEqual([true, true, false, false])
})

it('a fired signal throws `aborted` with its reason, another does nothing', () => {
  expect(() => {
    throwIfAborted(undefined)
    throwIfAborted(new AbortController().signal)
  }).not.toThrow()
  const reason = new Error('closed')
  expect(() => {
    throwIfAborted(AbortSignal.abort(reason))
  }).toThrow(expect.objectContaining({ kind: 'aborted', cause: reason }))
})
