import { proxy, transferHandlers, type TransferHandler } from 'comlink'
import { AppError, fromPlainError, toPlainError, type PlainError } from '../core/base/errors.ts'

/** What Comlink hands to the handler of thrown values. */
interface Thrown {
  readonly value: unknown
}

/**
 * Makes Comlink carry errors whole (it knows only name, message and stack) and functions as proxies, so that a listener can be passed as it is.
 * Called once at the entry point of each realm, before the first message.
 */
export function installTransferHandlers(): void {
  const thrown = transferHandlers.get('throw')
  const proxied = transferHandlers.get('proxy')
  if (thrown === undefined || proxied === undefined) throw new AppError('bug', 'comlink.handlers', 'Comlink has no handlers to extend')
  const errors: TransferHandler<Thrown, PlainError> = {
    // Comlink marks thrown values with a symbol of its own, so only its own test recognises them.
    canHandle: (value): value is Thrown => thrown.canHandle(value),
    serialize: ({ value }) => [toPlainError(value), []],
    deserialize(plain) {
      throw fromPlainError(plain)
    },
  }
  transferHandlers.set('throw', errors)
  const functions: TransferHandler<() => unknown, unknown> = {
    canHandle: (value): value is () => unknown => typeof value === 'function',
    serialize: (value) => proxied.serialize(proxy(value)),
    deserialize: (value) => proxied.deserialize(value) as () => unknown,
  }
  transferHandlers.set('function', functions)
}
