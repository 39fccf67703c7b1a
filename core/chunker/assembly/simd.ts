// The build with 128-bit SIMD.
export * from './planes'
