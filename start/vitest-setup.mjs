// Vitest's global setup: tests load the kernels that belong to the sources as they are now.
import { buildKernels } from './kernels.mjs'
import { Stop } from './tools.mjs'

export async function setup() {
  if (!(await buildKernels())) throw new Stop('a kernel does not compile')
}
