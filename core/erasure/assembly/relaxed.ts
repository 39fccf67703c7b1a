export { factors, inputs, outputs, pitch, stripe } from './layout'
export { code, group, prepare } from './vectors'
