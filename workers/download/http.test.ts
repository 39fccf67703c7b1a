import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentDisposition, fileHeaders, parseRange } from './http.ts'

describe('a Range header (RFC 9110 section 14)', () => {
  it('asks for the first, the middle and the last bytes', () => {
    expect(parseRange('bytes=0-1', 10)).toEqual({ start: 0, end: 2 })
    expect(parseRange('bytes=4-', 10)).toEqual({ start: 4, end: 10 })
    expect(parseRange('bytes=-3', 10)).toEqual({ start: 7, end: 10 })
    expect(parseRange('bytes=-30', 10)).toEqual({ start: 0, end: 10 })
    expect(parseRange('bytes=8-99', 10)).toEqual({ start: 8, end: 10 })
  })

  it('is outside when no byte of it exists', () => {
    for (const header of ['bytes=10-', 'bytes=10-12', 'bytes=-0']) expect(parseRange(header, 10)).toBe('outside')
    for (const header of ['bytes=0-', 'bytes=-5']) expect(parseRange(header, 0)).toBe('outside')
  })

  it('is ignored when it is malformed, in other units, or asks for several parts', () => {
    for (const header of [null, '', 'bytes=', 'bytes=-', 'bytes=5-2', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=a-b', 'bytes=0--1']) {
      expect(parseRange(header, 10)).toBeUndefined()
    }
  })

  it('never leads outside the file', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.option(fc.nat(60)), fc.option(fc.nat(60)), (size, first, last) => {
        const range = parseRange(`bytes=${String(first ?? '')}-${String(last ?? '')}`, size)
        if (typeof range !== 'object') return
        expect(range.start).toBeGreaterThanOrEqual(0)
        expect(range.start).toBeLessThan(range.end)
        expect(range.end).toBeLessThanOrEqual(size)
      }),
    )
  })
})

describe('a name in Content-Disposition', () => {
  it('comes back from both forms, whatever it is made of', () => {
    expect(contentDisposition('photo.jpg')).toBe(`attachment; filename="photo.jpg"; filename*=UTF-8''photo.jpg`)
    expect(contentDisposition('a"b\\c%.txt')).toBe(`attachment; filename="a_b_c_.txt"; filename*=UTF-8''a%22b%5Cc%25.txt`)
    expect(contentDisposition("🐟 it's (1)*.txt")).toBe(
      `attachment; filename="_ it's (1)*.txt"; filename*=UTF-8''%F0%9F%90%9F%20it%27s%20%281%29%2A.txt`,
    )
    expect(contentDisposition('a\r\nX: y')).not.toMatch(/[\r\n]/)
  })

  it('is a valid header for any name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (name) => {
        const value = contentDisposition(name)
        expect(new Headers({ 'Content-Disposition': value }).get('Content-Disposition')).toBe(value)
        expect(decodeURIComponent(value.split("''")[1] ?? '')).toBe(name.toWellFormed())
      }),
    )
  })
})

describe('headers of a file', () => {
  it('never let a browser run or guess what a stranger sent', () => {
    const headers = fileHeaders({ name: 'x.html', type: 'text/html', size: 5 }, 'ab', 5)
    expect(headers.get('Content-Type')).toBe('text/html')
    expect(headers.get('Content-Security-Policy')).toBe('sandbox')
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('Content-Disposition')).toContain('attachment')
    for (const type of ['', 'text', 'text/html\r\nX: y', 'a/b; x=y', 'text/html, a/b']) {
      expect(fileHeaders({ name: 'x', type, size: 5 }, 'ab', 5).get('Content-Type')).toBe('application/octet-stream')
    }
  })
})
