// Entry of a coder worker: one of the pool's lanes.
import { createLocalCoder, loadKernels } from '../core/flows/coder/local.ts'
import { serveCoder } from './coder-protocol.ts'

declare const self: DedicatedWorkerGlobalScope

serveCoder(self, loadKernels().then(createLocalCoder))
