import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))

/** Debian's Chromium, or null where there is none, which is said loudly, and is a failure where `CI` is set. */
export async function openBrowser(): Promise<Browser | null> {
  if (executablePath === undefined) {
    if (process.env.CI === 'true') throw new Error('There is no chromium: apt-get install chromium')
    process.stderr.write('There is no chromium here: no page was opened in a browser.\n')
    return null
  }
  const { chromium } = await import('playwright-core')
  return chromium.launch({ executablePath, args: ['--no-sandbox'] })
}

/** Until nothing moves any more. */
const still = (page: Page): Promise<void> =>
  page.evaluate(
    'Promise.allSettled(document.getAnimations().map((one) => one instanceof CSSTransition && one.finished)).then(() => {})',
  ) as Promise<void>

/** A picture for whoever wants to look, where `HOLDFAST_SCREENSHOTS` names a folder. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.HOLDFAST_SCREENSHOTS
  if (folder === undefined) return
  await still(page)
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}

type Axe = { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary?: string }[] }[] }> }

/** What axe finds serious or critical on a page, each in words. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await still(page)
  const axe = await import('axe-core')
  await page.evaluate(axe.default.source)
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
  })
}
