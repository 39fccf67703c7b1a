import { expect, type Page } from '@playwright/test'

/** What a person types. */
export interface Credentials {
  readonly name: string
  readonly password: string
}

/** A password that nobody guesses, and its successor. */
export const PASSWORD = 'seven otters juggle plums'
export const NEXT_PASSWORD = 'eight herons polish cellos'

/** Makes an account of what is in this browser, and confirms the words; resolves to them. */
export async function createAccount(page: Page, { name, password }: Credentials): Promise<readonly string[]> {
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill(name)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Create account' }).click()
  const phrase = page.getByRole('list', { name: 'Recovery phrase' })
  await expect(phrase.getByRole('listitem')).toHaveCount(24, { timeout: 60_000 })
  const words = await phrase.getByRole('listitem').allTextContents()
  await page.getByRole('button', { name: 'I have them safe' }).click()
  const fields = page.getByRole('textbox', { name: /^Word \d+$/ })
  await expect(fields).toHaveCount(3)
  for (const field of await fields.all()) {
    const label = await field.evaluate((input) => input.closest('label')?.textContent ?? '')
    await field.fill(words[Number(/\d+/.exec(label)?.[0]) - 1] ?? '')
  }
  await page.getByRole('button', { name: 'Confirm' }).click()
  await page.getByRole('button', { name: 'Go to your files' }).click()
  return words
}

/** Signs in, from whatever the page shows; resolves when the attempt is over. */
export async function signIn(page: Page, given: Credentials | { readonly phrase: string }): Promise<void> {
  if (!page.url().endsWith('#/sign-in')) await page.getByRole('button', { name: 'Sign in' }).click()
  if ('phrase' in given) {
    await page.getByRole('button', { name: 'Use recovery phrase' }).click()
    await page.getByLabel('Recovery phrase').fill(given.phrase)
  } else {
    await page.getByRole('textbox', { name: 'Name' }).fill(given.name)
    await page.getByLabel('Password', { exact: true }).fill(given.password)
  }
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Waits until the account is open, and shows its files. */
export async function signedIn(page: Page): Promise<void> {
  await expect(page.getByRole('button', { name: 'Account', exact: true })).toBeVisible({ timeout: 60_000 })
}

/** Waits until hosts have everything of this browser; ends at the files. */
export async function allSafe(page: Page, timeout = 120_000): Promise<void> {
  await page.getByRole('button', { name: 'Account', exact: true }).click()
  await expect(page.getByText('Everything of this device is with the hosts')).toBeVisible({ timeout })
  await page.getByRole('link', { name: 'Back to your files' }).click()
}

export async function signOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Account', exact: true }).click()
  await page.getByRole('button', { name: 'Sign out' }).click()
  // The page loads itself anew once all is erased, and may draw the welcome a moment before.
  const loaded = page.waitForEvent('load', { timeout: 60_000 })
  await page.getByRole('button', { name: 'Sign out now' }).click()
  await loaded
  await expect(page.getByRole('heading', { name: 'Welcome to Shoal' })).toBeVisible({ timeout: 60_000 })
}
