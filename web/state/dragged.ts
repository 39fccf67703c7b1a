import type { Attachment } from 'svelte/attachments'

/** The kind of data under which dragged entries go: other pages do not know it. */
const ENTRIES = 'application/x-shoal-entries'

/** Begins to drag entries of a list. */
export function dragEntries(transfer: DataTransfer, ids: readonly string[]): void {
  transfer.setData(ENTRIES, JSON.stringify(ids))
  transfer.effectAllowed = 'move'
}

/** Whether entries of a list are dragged, and not files from outside. */
export function areEntries(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes(ENTRIES) === true
}

/** The entries that were dropped. */
export function droppedEntries(transfer: DataTransfer): readonly string[] {
  const ids: unknown = JSON.parse(transfer.getData(ENTRIES) || '[]')
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : []
}

/** Makes an element take dragged entries: it has the class `target` while they are above it. */
export function dropOn(take: (ids: readonly string[]) => void): Attachment<HTMLElement> {
  return (element) => {
    const over = (event: DragEvent): void => {
      if (!areEntries(event.dataTransfer)) return
      event.preventDefault()
      element.classList.add('target')
    }
    const leave = (): void => {
      element.classList.remove('target')
    }
    const drop = (event: DragEvent): void => {
      leave()
      if (event.dataTransfer === null || !areEntries(event.dataTransfer)) return
      event.preventDefault()
      take(droppedEntries(event.dataTransfer))
    }
    element.addEventListener('dragover', over)
    element.addEventListener('dragleave', leave)
    element.addEventListener('drop', drop)
    return () => {
      element.removeEventListener('dragover', over)
      element.removeEventListener('dragleave', leave)
      element.removeEventListener('drop', drop)
    }
  }
}
