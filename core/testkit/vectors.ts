import { readFileSync } from 'node:fs'

/** The fixture `core/<room>/vectors/<name>.json`; the test states its shape. */
export function readVectors(room: string, name: string): unknown {
  const url = new URL(`../${room}/vectors/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) 
}
