import { AppError } from './errors.ts'
import type { Bytes } from './bytes.ts'

/** What a kernel may use, best first: relaxed SIMD (WebAssembly 3.0, Firefox and Safari later than Chromium), 128-bit SIMD, neither. */
export const BUILDS = ['relaxed', 'simd', 'scalar'] as const
export type Build = (typeof BUILDS)[number]

/** The builds of one kernel, each a WebAssembly module in base64: what `kernel.gen.ts` of a room holds. */
export type Builds = Readonly<Partial<Record<Build, string>>>

/** Bytes up to the body of a module's only function, which takes nothing and gives a v128. */
const PROBE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10]
/** Modules that only a runtime with the feature takes: i32.const 0, i8x16.splat; for relaxed SIMD twice, and i8x16.relaxed_swizzle. */
export const PROBES = {
  relaxed: [...PROBE, 15, 1, 13, 0, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0xfd, 0x80, 2, 11],
  simd: [...PROBE, 8, 1, 6, 0, 0x41, 0, 0xfd, 15, 11],
} as const

/** The best build that this runtime can run. */
export function bestBuild(): Build {
  return BUILDS.find((build) => runs(build)) ?? 'scalar'
}

function runs(build: Build): boolean {
  return build === 'scalar' || WebAssembly.validate(Uint8Array.from(PROBES[build]))
}

/**
 * A fresh instance of a kernel, with a memory of its own, in the best of its builds that is no better than `best`. `T` names its exports.
 * Throws `invalid` `kernel.unsupported` when this runtime cannot run it.
 */
export async function instantiate<T extends object>(builds: Builds, best: Build = bestBuild()): Promise<T> {
  const able = BUILDS.slice(BUILDS.indexOf(best))
  const wasm = able.map((build) => builds[build]).find((text) => text !== undefined)
  try {
    if (wasm === undefined) throw new AppError('invalid', 'kernel.build', `no build for a runtime with ${best}`)
    const instance = await WebAssembly.instantiate(await WebAssembly.compile(fromBase64(wasm)), {})
    return instance.exports as T
  } catch (cause) {
    throw new AppError('invalid', 'kernel.unsupported', 'this runtime cannot run a WebAssembly kernel', { cause })
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** `atob` is no part of ECMAScript, and `Uint8Array.fromBase64` is younger than what this must run on. */
function fromBase64(text: string): Bytes {
  const bytes = new Uint8Array(Math.floor((text.replace(/=+$/, '').length * 6) / 8))
  let bits = 0
  let held = 0
  let at = 0
  for (const character of text) {
    const value = ALPHABET.indexOf(character)
    if (value < 0) break
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = (held >> bits) & 0xff
  }
  return bytes
}
