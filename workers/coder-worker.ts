// Entry of a coder worker: one of the pool's lanes.
import { createLocalCoder, loadKernels } from '../core/flows/coder/local.ts'
import { serveCoder } from '../core/flows/coder/protocol.ts'
import { coderPort } from './coder-port.ts'

declare const self: DedicatedWorkerGlobalScope

serveCoder(coderPort(self), loadKernels().then(createLocalCoder))
