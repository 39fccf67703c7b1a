import { AppError } from './errors.ts'

/** Throws `invalid` `shard.root` unless `root` is 64 characters of lower-case hexadecimal: it becomes the name of a file. */
export function checkShardRoot(root: string): void {
  if (!/^[0-9a-f]{64}$/.test(root)) throw new AppError('invalid', 'shard.root', 'not a shard root')
}
