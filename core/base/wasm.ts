import { AppError } from './errors.ts'
import type { Bytes } from './bytes.ts'

/**
 * A fresh instance of a kernel, with a memory of its own. `T` names its exports; `wasm` is the bytes that `kernelBytes()` of a room gives.
 * Throws `invalid` `kernel.unsupported` when this runtime cannot run it (no WebAssembly SIMD).
 */
export async function instantiate<T extends object>(wasm: Bytes): Promise<T> {
  try {
    const instance = await WebAssembly.instantiate(await WebAssembly.compile(wasm), {})
    return instance.exports as T
  } catch (cause) {
    throw new AppError('invalid', 'kernel.unsupported', 'this runtime cannot run a WebAssembly kernel', { cause })
  }
}
