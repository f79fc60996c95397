// npm run bench:console: the console over 100,000 users in Debian's chromium: how soon it can be used, and how long it is ever stuck while one scrolls and filters (docs/results.md).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openBrowser } from '../src/testing/browser.ts'
import { createReport } from './report.ts'
import { fillFolder, password, startHoldfast } from './servers.ts'

const { values } = parseArgs({ options: { users: { type: 'string', default: '100000' } } })
const users = Number(values.users)
const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-console-'))
const report = createReport()

await fillFolder(join(folder, 'data'), users)
const server = await startHoldfast(join(folder, 'data'), 18_580, 100)
const browser = await openBrowser()
if (browser === null) throw new Error('There is nothing to measure without a browser')
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' })
  const origin = server.url.replace('127.0.0.1', 'localhost')
  const startedMs = performance.now()
  await page.goto(origin)
  await page.getByLabel('Username or email').waitFor()
  report.plain('first load until one can type', (performance.now() - startedMs) / 1_000, 's', { max: 2 })
  await page.getByLabel('Username or email').fill('owner')
  await page.getByLabel('Password').first().fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  await page.getByRole('link', { name: 'Users' }).click()
  await page.getByText('100+ shown').waitFor()
  await page.evaluate(`
    globalThis.longest = 0
    new PerformanceObserver((list) => { for (const one of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, one.duration) }).observe({ type: 'longtask', buffered: false })
  `)
  const longest = async (): Promise<number> => {
    const found = Number(await page.evaluate('globalThis.longest'))
    await page.evaluate('globalThis.longest = 0')
    return found
  }
  const box = page.getByRole('table', { name: 'Users' }).locator('.body')
  for (let n = 0; n < 60; n += 1) {
    await box.evaluate((element) => element.scrollBy(0, 1_500))
    await page.waitForTimeout(50)
  }
  const shown = await page.getByText(/shown$/).textContent()
  console.log(`scrolled to where ${shown}`)
  report.plain(`longest pause while scrolling through ${users} users`, await longest(), 'ms', { max: 100 })
  const search = page.getByLabel('Search by name, username or email')
  const filteredMs = performance.now()
  await search.pressSequentially(`user${users - 1}`, { delay: 30 })
  await page.getByText(`user${users - 1}`, { exact: true }).waitFor()
  await page.getByText('1 shown').waitFor()
  report.plain('until the one that was searched for is there, typing included', performance.now() - filteredMs, 'ms')
  report.plain('longest pause while filtering', await longest(), 'ms', { max: 100 })
} finally {
  await browser.close()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
