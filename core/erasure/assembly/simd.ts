export { factors, inputs, outputs, pitch, stripe } from './layout'
export { code, prepare } from './vectors'
