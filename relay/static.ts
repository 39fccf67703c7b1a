import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, relative, sep } from 'node:path'
import { pipeline } from 'node:stream'
import { AppError } from '../core/base/errors.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

/** Files whose name carries a hash of their contents (Vite writes `name-HASH.ext` to `assets/`) never change. */
const HASHED = /^\/assets\/.+-[\w-]{8,}\.\w+$/
const FOREVER = 'public, max-age=31536000, immutable'
/** Everything else is asked for again each time, and answered with 304 while it is the same. */
const REVALIDATE = 'no-cache'
/** A build has some dozens of files; more means that somebody pointed `--static` at a home folder. */
const MAX_FILES = 5000

interface StaticFile {
  readonly path: string
  readonly size: number
  readonly type: string
  readonly etag: string
  readonly cache: string
}

/**
 * The files below a folder as they are now, by URL path. Only what was listed is ever opened, so no URL can lead out of the folder;
 * links and files that begin with a dot are left out. `/` is `index.html`.
 */
export class StaticFiles {
  private readonly files: ReadonlyMap<string, StaticFile>

  private constructor(files: ReadonlyMap<string, StaticFile>) {
    this.files = files
  }

  /** Reads the folder once. Rejects with the error of the file system, or `invalid` `static.too-many`. */
  static async scan(folder: string): Promise<StaticFiles> {
    const files = new Map<string, StaticFile>()
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      const url = `/${relative(folder, path).split(sep).join('/')}`
      if (!entry.isFile() || url.includes('/.')) continue
      if (files.size >= MAX_FILES) throw new AppError('invalid', 'static.too-many', `${folder} holds more than ${MAX_FILES} files: not a build of Shoal`)
      files.set(url, await describe(path, url))
    }
    const index = files.get('/index.html')
    if (index !== undefined) files.set('/', index)
    return new StaticFiles(files)
  }

  /** Answers GET and HEAD of a file it has; false when it has none of that name. `path` is the decoded path of the URL. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const file = this.files.get(path)
    if (file === undefined) return false
    response.setHeader('Cache-Control', file.cache)
    response.setHeader('ETag', file.etag)
    // Proxies that compress make tags weak; here weak ones count as well (RFC 9110 section 13.1.2).
    if (request.headers['if-none-match']?.split(/,\s*/).some((tag) => tag.replace(/^W\//, '') === file.etag) === true) {
      response.writeHead(304).end()
      return true
    }
    response.writeHead(200, { 'Content-Type': file.type, 'Content-Length': file.size })
    if (request.method === 'HEAD') response.end()
    // `pipe` alone would keep the file open when whoever asked goes away half-way.
    else pipeline(createReadStream(file.path), response, () => undefined)
    return true
  }
}

async function describe(path: string, url: string): Promise<StaticFile> {
  const hash = createHash('sha256').update(await readFile(path)).digest('base64url')
  return {
    path,
    size: (await stat(path)).size,
    type: TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream',
    etag: `"${hash.slice(0, 22)}"`,
    cache: HASHED.test(url) ? FOREVER : REVALIDATE,
  }
}
