import { readFileSync } from 'node:fs'
import { fromHex } from '../base/bytes.ts'

/** Values of a fixture as the codecs give them: `{"hex": …}` is bytes, null is `undefined`. */
export function revive(value: unknown): unknown {
  if (value === null) return undefined
  if (Array.isArray(value)) return value.map(revive)
  if (typeof value !== 'object') return value
  if ('hex' in value && typeof value.hex === 'string') return fromHex(value.hex)
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, revive(item)]))
}

/** The fixture `core/<room>/vectors/<name>.json`; the test states its shape. */
export function readVectors(room: string, name: string): unknown {
  const url = new URL(`../${room}/vectors/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) 
}
