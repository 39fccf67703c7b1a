/** How long the address of a saved blob is kept, in milliseconds: the browser may ask the person first. */
const URL_TIME = 60_000

/** `2026-11-21`, for the name of a file. */
export function today(): string {
  return new Intl.DateTimeFormat('sv-SE').format()
}

/** Saves a small blob under `name`. */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const anchor = document.createElement('a')
  anchor.href = url
  anchor.download = name
  anchor.click()
  setTimeout(() => {
    URL.revokeObjectURL(url)
  }, URL_TIME)
}

/** Prints a text alone; what the page shows is not printed (style.css). */
export function printText(text: string): void {
  const sheet = document.createElement('pre')
  sheet.className = 'sheet'
  sheet.textContent = text
  document.body.append(sheet)
  print()
  sheet.remove()
}

/** Forgets what this browser keeps of the program itself; it is fetched anew when the page is loaded. What the browser refuses is left. */
export async function forgetShell(): Promise<void> {
  try {
    for (const name of await caches.keys()) await caches.delete(name)
    for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister()
  } catch {
    // It holds nothing of a person's own.
  }
}
