import { argon2id } from 'hash-wasm'
import { AppError } from '../base/errors.ts'
import { own } from '../base/bytes.ts'
import type { Stretch } from './locker.ts'

/**
 * Argon2id by hash-wasm, in WebAssembly. It takes about a second, all of it in one go, and needs `cost.memory` KiB: call it in a
 * worker. Throws `transient` `memory.short` when that much memory is not to be had.
 */
export const stretch: Stretch = async ({ password, salt, cost }) => {
  try {
    const { memory, passes, lanes } = cost
    const options = { memorySize: memory, iterations: passes, parallelism: lanes, hashLength: 32, outputType: 'binary' } as const
    return own(await argon2id({ password, salt, ...options }))
  } catch (cause) {
    // Argon2 itself cannot fail on what we give it: what fails is the memory that WebAssembly asks for.
    throw new AppError('transient', 'memory.short', 'not enough memory to stretch a password', { cause })
  }
}
