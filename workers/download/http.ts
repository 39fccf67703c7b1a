/** What a served file is; a name for the person, a media type or nothing. */
export interface FileHead {
  readonly name: string
  readonly type: string
  /** Bytes. */
  readonly size: number
}

/** Bytes `start` … `end - 1` of a file. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * What a `Range` header asks of `size` bytes (RFC 9110 section 14): one range, `'outside'` when there is no such part, or `undefined` when the header
 * is absent, is not in bytes, is malformed, or asks for several parts: then the whole file is a right answer.
 */
export function parseRange(header: string | null, size: number): ByteRange | 'outside' | undefined {
  const match = /^bytes=(\d{0,16})-(\d{0,16})$/.exec(header?.replaceAll(' ', '') ?? '')
  if (match === null) return undefined
  const [, first = '', last = ''] = match
  if (first === '') {
    if (last === '') return undefined
    const length = Math.min(Number(last), size)
    return length === 0 ? 'outside' : { start: size - length, end: size }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return undefined
  if (start >= size) return 'outside'
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) }
}

/** `attachment` with the name in both forms of RFC 6266: ASCII for old readers, UTF-8 (RFC 8187, once 5987) for the rest. */
export function contentDisposition(name: string): string {
  const ascii = name.replaceAll(/[^\x20-\x7e]|["\\%]/gu, '_')
  const encoded = encodeURIComponent(name.toWellFormed()).replaceAll(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}

/** A media type as RFC 9110 section 8.3.1 allows, with no parameter but a charset. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(; ?charset=[\w-]+)?$/

/**
 * Headers of every answer that carries a file. The file is somebody's, so nothing in it may act as a page of this origin: it is a download,
 * its type is not guessed, and were it ever shown, then in a sandbox.
 */
export function fileHeaders(head: FileHead, token: string, length: number): Headers {
  return new Headers({
    'Content-Type': MEDIA_TYPE.test(head.type) ? head.type : 'application/octet-stream',
    'Content-Length': String(length),
    'Content-Disposition': contentDisposition(head.name),
    'Accept-Ranges': 'bytes',
    // One token stands for one unchanging file, so a browser may go on where a download broke off.
    ETag: `"${token}"`,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': 'sandbox',
    'Cross-Origin-Resource-Policy': 'same-origin',
    // A frame of a page that is cross-origin isolated (relay/http.ts) may show nothing without it.
    'Cross-Origin-Embedder-Policy': 'require-corp',
  })
}
