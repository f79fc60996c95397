import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { goodPassword } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let url: string

beforeAll(async () => {
  server = await startTestServer()
  url = await server.listen()
})
afterAll(() => server.close())

const create = async (body: object) => {
  const token = await server.signIn()
  const answer = await server.send('POST', '/api/admin/onboarding/create-link', { token, body })
  return { token, link: answer.body.data as unknown as { link_id: string; link_token: string } }
}

test('the page is the same for every token, counts nothing and keeps nothing', async () => {
  const { token, link } = await create({})
  const [known, unknown] = [await server.send('GET', `/o/${link.link_token}`), await server.send('GET', `/o/${'x'.repeat(32)}`)]
  expect(known.text).toBe(unknown.text)
  expect(known.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
  expect(known.headers['content-security-policy']).not.toMatch(/script-src[^;]*unsafe/)
  expect((await server.send('GET', `/api/admin/onboarding/link/${link.link_id}`, { token })).body.data).toMatchObject({ clicks_count: 0 })
  expect((await server.send('GET', '/o/assets/nothing.js')).status).toBe(404)
  expect((await server.send('POST', `/o/${link.link_token}`)).status).toBe(405)
})

test('a new hire comes through it in a browser', async ({ skip }) => {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path))
  if (executablePath === undefined) {
    if (process.env.CI === 'true') throw new Error('There is no chromium: apt-get install chromium')
    process.stderr.write('There is no chromium here: the onboarding page was not opened in a browser.\n')
    return skip()
  }
  const { chromium } = await import('playwright-core')
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  try {
    const { token, link } = await create({ creates_user: true, total_steps: 2, welcome_message: 'Glad to have you' })
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } })
    const problems: string[] = []
    page.on('console', (said) => said.type() === 'error' && problems.push(said.text()))
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(`${url}/o/${link.link_token}`)
    await page.getByText('Glad to have you').waitFor()
    await page.getByRole('button', { name: 'Next step' }).click()
    await page.getByLabel('First name').fill('Nora')
    await page.getByLabel('Last name').fill('Newcomer')
    await page.getByLabel('E-mail address', { exact: true }).fill('nora@example.org')
    await page.getByLabel(/^Password/).fill('short')
    await page.getByRole('button', { name: 'Create your account' }).click()
    await page.getByText('Choose a password of 12').waitFor()
    expect(await page.getByLabel('First name').inputValue()).toBe('Nora')
    await page.getByLabel(/^Password/).fill(goodPassword)
    await page.getByRole('button', { name: 'Create your account' }).click()
    await page.getByText('You can sign in as nora@example.org now.').waitFor()
    const { body } = await server.send('GET', `/api/admin/onboarding/link/${link.link_id}`, { token })
    expect(body.data).toMatchObject({ status: 'used', clicks_count: 1, current_step: 2 })
    // the browser says so itself of the answer that refused the first password
    expect(problems.filter((text) => !/422/.test(text))).toEqual([])
  } finally {
    await browser.close()
  }
}, 60_000)
