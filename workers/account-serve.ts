import type { Bytes } from '../core/base/bytes.ts'
import { AppError, toPlainError, type PlainError } from '../core/base/errors.ts'
import type { Stretch } from '../core/account/locker.ts'
import type { Strength } from '../core/account/strength.ts'
import { Mutex } from '../core/flows/mutex.ts'

/** What is asked of the account worker. */
export type AccountCall =
  | { readonly name: 'stretch'; readonly args: Parameters<Stretch> }
  | { readonly name: 'strength'; readonly args: readonly [password: string, name: string] }

export type AccountRequest = AccountCall & { readonly id: number }

export type AccountReply = { readonly id: number } & ({ readonly value: Bytes | Strength } | { readonly error: PlainError })

/** The worker's end of the line. */
interface End {
  postMessage(message: AccountReply): void
  onmessage: ((event: MessageEvent<AccountRequest>) => unknown) | null
}

type Meter = (password: string, name: string) => Strength

export interface AccountParts {
  readonly stretch: Stretch
  /** Makes the meter (`strengthMeter`); called when it is first needed, and after a failure again. */
  readonly loadMeter: () => Promise<Meter>
}

/** Answers calls at `end`. Errors: as `stretch`; `transient` `strength.unavailable` when the dictionaries cannot be loaded. */
export function serveAccountTools(end: End, { stretch, loadMeter }: AccountParts): void {
  // Two at once would need twice 64 MiB and be no sooner done.
  const turns = new Mutex()
  let meter: Promise<Meter> | undefined
  const load = async (): Promise<Meter> => {
    try {
      return await (meter ??= loadMeter())
    } catch (cause) {
      meter = undefined
      throw new AppError('transient', 'strength.unavailable', 'the dictionaries did not load', { cause })
    }
  }
  const answer = async (call: AccountCall): Promise<Bytes | Strength> => {
    if (call.name === 'strength') return (await load())(...call.args)
    return await turns.run(() => stretch(...call.args))
  }
  const reply = async ({ id, ...call }: AccountRequest): Promise<void> => {
    try {
      end.postMessage({ id, value: await answer(call) })
    } catch (error) {
      end.postMessage({ id, error: toPlainError(error) })
    }
  }
  end.onmessage = ({ data }) => {
    void reply(data)
  }
}
