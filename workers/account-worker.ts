// Entry of the account worker: Argon2id, and the strength meter, whose dictionaries are loaded when a password is about to be chosen.
import { stretch } from '../core/account/stretch.ts'
import { serveAccountTools } from './account-serve.ts'

declare const self: DedicatedWorkerGlobalScope

serveAccountTools(self, {
  stretch,
  async loadMeter() {
    const { strengthMeter } = await import('../core/account/strength.ts')
    return strengthMeter()
  },
})
