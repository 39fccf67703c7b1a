import { describe, expect, it } from 'vitest'
import { folderHash, routeOf } from './route.ts'

describe('the address of the page', () => {
  it.each([
    ['', { kind: 'folder', folder: '' }],
    ['#/', { kind: 'folder', folder: '' }],
    ['#/f/abc', { kind: 'folder', folder: 'abc' }],
    ['#/trash', { kind: 'trash' }],
    ['#/s/seed', { kind: 'link', seed: 'seed' }],
    ['#/account', { kind: 'account' }],
    ['#/nowhere', { kind: 'folder', folder: '' }],
  ])('%s leads to its screen', (hash, route) => {
    expect(routeOf(hash)).toEqual(route)
  })

  it('of a folder leads back to it', () => {
    for (const folder of ['', 'abc']) expect(routeOf(folderHash(folder))).toEqual({ kind: 'folder', folder })
  })
})
