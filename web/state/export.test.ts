import { describe, expect, it } from 'vitest'
import { AppError } from '../../core/base/errors.ts'
import type { ExportReport } from '../../workers/contract-export.ts'
import { FolderCopy, folderPicker } from './export.svelte.ts'

const folder = {} as FileSystemDirectoryHandle
const report: ExportReport = { folder: 'Shoal', files: 2, renamed: 0, left: 0, examples: [] }

describe('a copy of all files into a folder of this computer', () => {
  it('is offered only where the browser can ask for a folder', () => {
    expect(folderPicker({})).toBeUndefined()
    expect(folderPicker({ showDirectoryPicker: async () => folder })).toBeTypeOf('function')
  })

  it('tells how far it is while it runs, and what came of it', async () => {
    const seen: number[] = []
    const copy = new FolderCopy({
      exportTo: async (_folder, listener) => {
        listener({ done: 1, files: 2, bytes: 10 })
        seen.push(copy.state?.done ?? -1)
        return report
      },
      cancelExport: async () => undefined,
    }, async () => folder)
    await copy.start()
    expect(seen).toEqual([1])
    expect(copy.state).toBeUndefined()
    expect(copy.report).toEqual(report)
  })

  it('does nothing when the person chooses no folder', async () => {
    const copy = new FolderCopy({ exportTo: () => Promise.reject(new Error('never')), cancelExport: async () => undefined }, () => Promise.reject(new DOMException('', 'AbortError')))
    await copy.start()
    expect([copy.report, copy.problem]).toEqual([undefined, undefined])
  })

  it('says why it failed, but nothing of a copy that was cancelled', async () => {
    const failing = (error: AppError): FolderCopy => new FolderCopy({ exportTo: () => Promise.reject(error), cancelExport: async () => undefined }, async () => folder)
    const full = failing(new AppError('quota', 'export.full', 'full'))
    await full.start()
    expect(full.problem).toMatchObject({ code: 'export.full' })
    const cancelled = failing(new AppError('aborted', 'aborted', 'cancelled'))
    await cancelled.start()
    expect(cancelled.problem).toBeUndefined()
  })
})
