import { createServer } from 'node:net'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { openBrowser } from '../src/testing/browser.ts'
import { plainFolder } from './disks.ts'
import { sleep } from './random.ts'
import { ownerPassword, type Server, startServer } from './server-process.ts'

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}

test('two browsers edit one checklist while the server is killed and started again, and both end the same', async ({ skip }) => {
  const browser = await openBrowser()
  if (browser === null) return skip()
  const { folder, close } = plainFolder()
  const environment = { HOLDFAST_PORT: String(await freePort()), HOLDFAST_BACKUP: 'off' }
  let server: Server = await startServer({ folder, environment })
  const { base } = server
  try {
    const problems: string[] = []
    const enter = async (): Promise<Page> => {
      const page = await (await browser.newContext({ locale: 'en-GB' })).newPage()
      page.setDefaultTimeout(120_000)
      page.on('pageerror', (error) => problems.push(error.message))
      await page.goto(base)
      await page.getByLabel('Username or email').fill('owner')
      await page.getByLabel('Password').first().fill(ownerPassword)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('link', { name: 'Checklists' }).click()
      return page
    }
    const open = async (page: Page) => {
      await page.getByRole('button', { name: 'Kitchen' }).click()
      await page.getByText('Saved', { exact: true }).waitFor()
    }
    const [ann, ben] = [await enter(), await enter()]
    await ann.getByLabel('Title').fill('Kitchen')
    await ann.getByLabel('Items, one a line').fill('Sink\nOven')
    await ann.getByRole('button', { name: 'Create' }).click()
    await open(ann)
    await ben.reload()
    await open(ben)
    const notes = (page: Page, item: string) => page.getByLabel(`Notes on ${item}`)
    const typing = async (page: Page, item: string, words: string) => {
      await notes(page, item).focus()
      await page.keyboard.press('End')
      await page.keyboard.type(words, { delay: 15 })
    }
    await Promise.all([typing(ann, 'Sink', 'hot water '), typing(ben, 'Oven', 'cold ')])
    await ben.getByLabel('Sink', { exact: true }).check()
    await expect.poll(() => notes(ben, 'Sink').inputValue()).toBe('hot water ')
    await expect.poll(() => ann.getByLabel('Sink', { exact: true }).isChecked()).toBe(true)

    const during = Promise.all([typing(ann, 'Sink', 'and soap, twice '), typing(ben, 'Sink', 'then dry it ')])
    await sleep(60)
    await server.kill()
    await during
    await ann.getByText('The server is away.', { exact: false }).waitFor()
    await typing(ann, 'Oven', 'and clean')
    await ben.getByLabel('Oven', { exact: true }).check()
    server = await startServer({ folder, environment })

    const shown = async (page: Page) => [
      await notes(page, 'Sink').inputValue(),
      await notes(page, 'Oven').inputValue(),
      await page.getByLabel('Sink', { exact: true }).isChecked(),
      await page.getByLabel('Oven', { exact: true }).isChecked(),
    ]
    for (const page of [ann, ben]) await page.getByText('Saved', { exact: true }).waitFor({ timeout: 20_000 })
    await expect.poll(async () => JSON.stringify(await shown(ann)) === JSON.stringify(await shown(ben)), { timeout: 20_000 }).toBe(true)
    const [sink, oven, isSink, isOven] = await shown(ann)
    // both kept every letter: each in its own order, woven at the place where they met
    const letters = (text: unknown) => [...String(text)].sort().join('')
    expect(letters(sink)).toBe(letters('hot water and soap, twice then dry it '))
    expect([oven, isSink, isOven]).toEqual(['cold and clean', true, true])

    const token = (await (
      await fetch(`${base}/api/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email: 'owner', password: ownerPassword }),
      })
    ).json()) as { accessToken?: string; token?: string }
    const headers = { authorization: `Bearer ${token.accessToken ?? token.token}` }
    const { checklists } = (await (await fetch(`${base}/api/checklists`, { headers })).json()) as { checklists: { checklistId: string }[] }
    const state = (await (await fetch(`${base}/api/sync/state?entityId=${checklists[0]?.checklistId}`, { headers })).json()) as {
      data: { items: Record<string, { text: string; notes: string }> }
    }
    expect(
      Object.values(state.data.items)
        .map(({ text, notes: stored }) => [text, stored])
        .sort(),
    ).toEqual([
      ['Oven', oven],
      ['Sink', sink],
    ])
    expect(problems).toEqual([])
  } finally {
    await browser.close()
    await server.kill()
    close()
  }
})
