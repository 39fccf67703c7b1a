import { toPlainError, type PlainError } from '../../core/base/errors.ts'
import type { PeerContract } from '../../workers/contract.ts'
import type { SignIn, Strength } from '../../workers/contract-account.ts'

/** How long typing must rest before the strength is asked for, in milliseconds. */
const REST = 250

/** Whether a wish about the account is under way, and why the last one failed. */
export class Attempt {
  working = $state(false)
  problem = $state.raw<PlainError | undefined>(undefined)

  /** Resolves to what `work` gives, or `undefined` when it fails or another one is under way. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.working) return undefined
    this.working = true
    this.problem = undefined
    try {
      return await work()
    } catch (error) {
      this.problem = toPlainError(error)
      return undefined
    } finally {
      this.working = false
    }
  }
}

/** A new password as it is typed, with how hard it is to guess. */
export class NewPassword {
  /** Absent until it is known for the password as it stands. */
  strength = $state.raw<Strength | undefined>(undefined)
  private readonly peer: Pick<PeerContract, 'strength'>
  private readonly rest: number
  private timer: ReturnType<typeof setTimeout> | undefined
  private turn = 0

  constructor(peer: Pick<PeerContract, 'strength'>, rest = REST) {
    this.peer = peer
    this.rest = rest
  }

  /** Password or name was changed: asks once typing rests. */
  typed(password: string, name: string): void {
    const turn = ++this.turn
    clearTimeout(this.timer)
    if (password === '') {
      this.strength = undefined
      return
    }
    this.timer = setTimeout(() => {
      // An answer that does not come is no reason to hold anybody up: creating checks again.
      this.peer.strength(password, name).then((strength) => {
        if (turn === this.turn) this.strength = strength
      }, () => undefined)
    }, this.rest)
  }
}

/** Making an account, step by step: name and password, the 24 words, and three of them to confirm. */
export class NewAccount {
  readonly attempt = new Attempt()
  /** Once the account is made. */
  words = $state.raw<readonly string[]>([])
  positions = $state.raw<readonly number[]>([])
  /** Positions whose word was wrong. */
  wrong = $state.raw<readonly number[]>([])
  step = $state<'form' | 'words' | 'confirm' | 'done'>('form')
  private readonly peer: Pick<PeerContract, 'createAccount' | 'confirmPositions'>

  constructor(peer: Pick<PeerContract, 'createAccount' | 'confirmPositions'>) {
    this.peer = peer
  }

  async create(name: string, password: string): Promise<void> {
    const words = await this.attempt.run(() => this.peer.createAccount(name, password))
    if (words === undefined) return
    this.words = words
    this.step = 'words'
  }

  /** Asks for three of the words; others each time. */
  async ask(): Promise<void> {
    this.wrong = []
    const positions = await this.attempt.run(() => this.peer.confirmPositions())
    if (positions === undefined) return
    this.positions = positions
    this.step = 'confirm'
  }

  /** Back to the words. */
  look(): void {
    this.step = 'words'
  }

  /** Checks what was typed for each of `positions`, in their order. */
  confirm(answers: readonly string[]): void {
    this.wrong = this.positions.filter((position, i) => plain(answers[i] ?? '') !== this.words[position - 1])
    if (this.wrong.length === 0) this.step = 'done'
  }
}

/** Case and what stands around a word do not matter. */
function plain(word: string): string {
  return word.normalize('NFKC').trim().toLowerCase()
}

/** What to sign in with. */
export function signInWith(way: 'password' | 'phrase', typed: { readonly name: string; readonly password: string; readonly phrase: string }): SignIn {
  return way === 'phrase' ? { phrase: typed.phrase } : { name: typed.name, password: typed.password }
}
