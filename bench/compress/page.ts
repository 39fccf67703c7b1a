import { measure, probe, type Measured } from './measure.ts'

/** What the page offers to `main.ts`; bytes go in as base64. */
export interface Bench {
  measure(plaintext: string): Promise<Record<string, Measured>>
  probe(plaintext: string): Promise<{ look: number; seal: number }>
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))

;(globalThis as unknown as { bench: Bench }).bench = {
  measure: (plaintext) => measure(bytes(plaintext)),
  probe: (plaintext) => probe(bytes(plaintext)),
}
