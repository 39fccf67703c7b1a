// The build with relaxed SIMD: the same source, which asks what it may use.
export * from './planes'
