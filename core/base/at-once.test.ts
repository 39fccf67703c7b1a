import { expect, test } from 'vitest'
import { atOnce } from './at-once.ts'

test('every task runs once, in order, and no more of them at once than allowed', async () => {
  const begun: number[] = []
  let running = 0
  let most = 0
  await atOnce(3, 10, async (index) => {
    begun.push(index)
    most = Math.max(most, ++running)
    await Promise.resolve()
    running--
  })
  expect(begun).toEqual([...Array(10).keys()])
  expect(most).toBe(3)
})

test('after a failure no more are begun', async () => {
  const begun: number[] = []
  const failing = atOnce(2, 10, async (index) => {
    begun.push(index)
    await Promise.resolve()
    if (index === 1) throw new Error('the second')
  })
  await expect(failing).rejects.toThrow('the second')
  await Promise.resolve()
  expect(begun.length).toBeLessThan(5)
})

test('no tasks are nothing to wait for', async () => {
  await atOnce(4, 0, () => Promise.reject(new Error('never')))
})
