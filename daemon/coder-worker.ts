// Entry of a thread of the coder pool.
import { parentPort } from 'node:worker_threads'
import { AppError } from '../core/base/errors.ts'
import { createLocalCoder, loadKernels } from '../core/flows/coder/local.ts'
import { serveCoder } from '../core/flows/coder/protocol.ts'
import { coderPort } from './coder-port.ts'

if (parentPort === null) throw new AppError('bug', 'coder.alone', 'a thread of the coder pool is not a program')
serveCoder(coderPort(parentPort), loadKernels().then(createLocalCoder))
