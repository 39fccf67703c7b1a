import type { Attachment } from 'svelte/attachments'
import { areEntries, dragEntries, droppedEntries } from './dragged.ts'
import type { FilesView } from './files.svelte.ts'
import { keyAction } from './keys.ts'

/** Id of the one menu that all rows share. */
export const ROW_MENU = 'row-menu'

/** What mouse and keyboard do with the rows of a table; `page` gives how many fit on the screen. */
export function rowEvents(files: FilesView, page: () => number): Attachment<HTMLElement> {
  return (table) => {
    const listeners: Partial<Record<string, (event: Event) => void>> = {
      click: (event) => {
        click(files, event as PointerEvent)
      },
      mousedown: (event) => {
        // Else Shift would mark the text between.
        if ((event as MouseEvent).shiftKey && rowOf(event) !== undefined) event.preventDefault()
      },
      focusin: (event) => {
        const row = rowOf(event)
        if (row !== undefined) files.selection.row = row
      },
      keydown: (event) => {
        press(files, event as KeyboardEvent, page())
      },
      dragstart: (event) => {
        drag(files, event as DragEvent)
      },
      dragover: (event) => {
        const target = folderRow(files, event as DragEvent)
        mark(table, target)
        if (target !== undefined) event.preventDefault()
      },
      dragend: () => {
        mark(table, undefined)
      },
      dragleave: () => {
        mark(table, undefined)
      },
      drop: (event) => {
        drop(files, event as DragEvent)
        mark(table, undefined)
      },
    }
    for (const [type, listener] of Object.entries(listeners)) if (listener !== undefined) table.addEventListener(type, listener)
    return () => {
      for (const [type, listener] of Object.entries(listeners)) if (listener !== undefined) table.removeEventListener(type, listener)
    }
  }
}

/** Row of the list that an event is about, from 0. */
function rowOf(event: Event): number | undefined {
  const index = element(event)?.closest('tbody > tr')?.getAttribute('aria-rowindex')
  return index === null || index === undefined ? undefined : Number(index) - 2
}

function element(event: Event): Element | undefined {
  return event.target instanceof Element ? event.target : undefined
}

function click(files: FilesView, event: PointerEvent): void {
  const row = rowOf(event)
  if (row === undefined || element(event)?.closest('button, a') !== null) return
  const entry = files.list.row(row)
  if (entry === undefined) return
  const way = event.shiftKey ? 'range' : event.ctrlKey || event.metaKey || event.pointerType === 'touch' ? 'toggle' : 'only'
  if (way === 'range') files.focus = row
  void files.selection.go(row, entry.id, way)
}

function press(files: FilesView, event: KeyboardEvent, page: number): void {
  // Buttons of a row have keys of their own.
  if (element(event)?.matches('tbody > tr') !== true || event.isComposing) return
  const action = keyAction(event, { row: files.selection.row, total: files.list.listing.total, page, typed: files.beginning })
  if (action === undefined) return
  event.preventDefault()
  void files.act(action)
}

function drag(files: FilesView, event: DragEvent): void {
  const row = rowOf(event)
  const entry = row === undefined ? undefined : files.list.row(row)
  if (row === undefined || entry === undefined || event.dataTransfer === null) return
  if (!files.selection.has(entry.id)) void files.selection.go(row, entry.id, 'only')
  dragEntries(event.dataTransfer, files.selection.has(entry.id) ? [...files.selection.ids] : [entry.id])
}

/** The folder's row that dragged entries are above. */
function folderRow(files: FilesView, event: DragEvent): number | undefined {
  const row = areEntries(event.dataTransfer) ? rowOf(event) : undefined
  return row !== undefined && files.list.row(row)?.kind === 'folder' ? row : undefined
}

function mark(table: HTMLElement, row: number | undefined): void {
  const next = row === undefined ? null : table.querySelector(`tr[aria-rowindex="${String(row + 2)}"]`)
  for (const marked of table.querySelectorAll('.target')) if (marked !== next) marked.classList.remove('target')
  next?.classList.add('target')
}

function drop(files: FilesView, event: DragEvent): void {
  const row = folderRow(files, event)
  const folder = row === undefined ? undefined : files.list.row(row)
  if (folder === undefined || event.dataTransfer === null) return
  event.preventDefault()
  files.moveTo(droppedEntries(event.dataTransfer), folder.id, folder.name)
}
