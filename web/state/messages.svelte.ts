import { toPlainError, type PlainError } from '../../core/base/errors.ts'
import { explainLine } from '../words.ts'

/** How long a short message stays, in milliseconds: long enough to be read twice. */
export const MESSAGE_TIME = 6000

/** The short message about the last thing done, and the way every wish of a person goes. */
export class Messages {
  /** Empty when there is none. */
  text = $state('')
  private clearing: ReturnType<typeof setTimeout> | undefined

  say(message: string): void {
    this.text = message
    clearTimeout(this.clearing)
    this.clearing = setTimeout(() => {
      this.text = ''
    }, MESSAGE_TIME)
  }

  explain(error: PlainError): void {
    this.say(explainLine(error))
  }

  /** Resolves to whether it worked; if not, the message says why. */
  async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.explain(toPlainError(error))
      return false
    }
  }
}
