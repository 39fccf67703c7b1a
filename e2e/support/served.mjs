// Changes what the relay serves, from a module that it loads first.
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { Readable } from 'node:stream'

/**
 * From now on files whose path matches `pattern` are served with `prefix` before their bytes.
 * @param {RegExp} pattern
 * @param {string} prefix
 */
export function servedWith(pattern, prefix) {
  const added = Buffer.from(prefix)
  const { createReadStream } = fs
  const { readFile, stat } = fsp
  /** @param {unknown} path */
  const isMeant = (path) => pattern.test(String(path))
  Object.assign(fs, {
    /** @param {Parameters<typeof createReadStream>} given */
    createReadStream: (...given) => (isMeant(given[0]) ? Readable.from([added, fs.readFileSync(String(given[0]))]) : createReadStream(...given)),
  })
  Object.assign(fsp, {
    // Whence its tag is made, by which a browser knows that it is another file.
    /** @param {Parameters<typeof readFile>} given */
    readFile: async (...given) => {
      const found = await readFile(...given)
      return isMeant(given[0]) ? Buffer.concat([added, Buffer.from(found)]) : found
    },
    /** @param {Parameters<typeof stat>} given */
    stat: async (...given) => {
      const found = await stat(...given)
      return isMeant(given[0]) ? Object.assign(found, { size: Number(found.size) + added.length }) : found
    },
  })
  syncBuiltinESMExports()
}
