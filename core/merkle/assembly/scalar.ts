export { input, key, output, parent, subtree } from './tree'
