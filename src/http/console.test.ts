import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { newSystemJob } from '../job/enqueue.ts'
import { openBrowser, picture, seriousFindings } from '../testing/browser.ts'
import { join as enrol, enterOwner, invite, type Person } from '../testing/people.ts'
import { ownerPassword, startTestServer, type TestServer } from '../testing/server.ts'

const root = join(import.meta.dirname, '../..')
let server: TestServer
let url: string
let owner: Person

beforeAll(async () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools/console.mjs'), '--strict'], { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  server = await startTestServer({ HOLDFAST_BACKUP: '' })
  url = await server.listen()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const cookieOf = (answer: { headers: Record<string, unknown> }): string =>
  [answer.headers['set-cookie']]
    .flat()
    .map((cookie) => String(cookie).split(';')[0])
    .join('; ')
const signIn = (headers: Record<string, string> = { origin: 'http://localhost', host: 'localhost' }) =>
  server.send('POST', '/v1/console/session', { body: { login: 'owner', password: ownerPassword }, headers })

describe('the session in a cookie', () => {
  test('is given to the console alone, and no script can read it', async () => {
    expect((await signIn({ host: 'localhost' })).status).toBe(401)
    expect((await signIn({ origin: 'https://evil.example', host: 'localhost' })).status).toBe(401)
    const answer = await signIn()
    expect(answer.status).toBe(201)
    expect(JSON.stringify(answer.body)).not.toMatch(/accessToken|refreshToken/)
    for (const cookie of [answer.headers['set-cookie']].flat()) expect(cookie).toMatch(/^__Host-.*Secure; HttpOnly; SameSite=Strict$/)
  })

  test('reads for the own page alone, and changes nothing for a request that another page began', async () => {
    const cookie = cookieOf(await signIn())
    const own = { cookie, host: 'localhost' }
    expect((await server.send('GET', '/v1/me', { headers: own })).status).toBe(200)
    expect((await server.send('GET', '/v1/me', { headers: { ...own, 'sec-fetch-site': 'cross-site' } })).status).toBe(401)
    const body = { username: 'made-by-cookie' }
    expect((await server.send('POST', '/v1/users', { body, headers: own })).status).toBe(401)
    expect((await server.send('POST', '/v1/users', { body, headers: { ...own, origin: 'https://evil.example' } })).status).toBe(401)
    expect((await server.send('POST', '/v1/users', { body, headers: { ...own, origin: 'http://localhost' } })).status).toBe(201)
  })

  test('is renewed, and ends with sign-out', async () => {
    const origin = { origin: 'http://localhost', host: 'localhost' }
    const first = cookieOf(await signIn())
    const renewed = await server.send('POST', '/v1/console/session/refresh', { body: {}, headers: { ...origin, cookie: first } })
    expect(renewed.status).toBe(200)
    const cookie = cookieOf(renewed)
    expect((await server.send('DELETE', '/v1/console/session', { headers: { ...origin, cookie } })).headers['set-cookie']).toMatch(
      /Max-Age=0/,
    )
    expect((await server.send('GET', '/v1/me', { headers: { cookie, host: 'localhost' } })).status).toBe(401)
  })
})

test('the page lets no script in but its own, and its files are kept for ever', async () => {
  const page = await server.send('GET', '/')
  expect(page.status).toBe(200)
  expect(page.headers['content-security-policy']).not.toMatch(/unsafe-inline|unsafe-eval/)
  const nonce = /nonce-([^']+)'/.exec(String(page.headers['content-security-policy']))?.[1] ?? 'none'
  expect(page.text).toContain(nonce)
  expect((await server.send('GET', '/')).text).not.toContain(nonce)
  const file = /\/console\/assets\/[\w.-]+\.js/.exec(page.text)?.[0] ?? ''
  expect((await server.send('GET', file)).headers['cache-control']).toBe('public, max-age=31536000, immutable')
  for (const path of ['/console/assets/nothing.js', '/console/assets/..%2findex.html'])
    expect((await server.send('GET', path)).status).toBe(404)
  expect((await server.send('POST', '/')).status).toBe(405)
  const first = [...page.text.matchAll(/\/console\/assets\/[\w.-]+\.(?:js|css)/g)].map(([path]) => path)
  let bytes = 0
  for (const path of new Set(first)) bytes += execFileSync('gzip', ['-c'], { input: (await server.send('GET', path)).text }).byteLength
  expect(bytes).toBeLessThan(300 * 1024)
})

describe('in a browser', () => {
  let browser: Browser | null = null
  const problems: string[] = []

  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(async () => browser?.close())

  async function open(size: { width: number; height: number }, colorScheme: 'light' | 'dark' = 'light'): Promise<Page> {
    if (browser === null) throw new Error('no browser')
    const page = await browser.newPage({ viewport: size, colorScheme, locale: 'en-GB', reducedMotion: 'reduce' })
    page.setDefaultTimeout(120_000)
    page.on('console', (said) => said.type() === 'error' && !/status of (401|409|422)/.test(said.text()) && problems.push(said.text()))
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(url)
    await page.getByLabel('Username or email').fill('owner')
    await page.getByLabel('Password').first().fill(ownerPassword)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Home' }).waitFor()
    return page
  }

  async function soundly(page: Page, name: string): Promise<void> {
    await picture(page, name)
    expect(await seriousFindings(page), name).toEqual([])
  }

  test('an administrator makes, finds and deactivates a user, proves a backup, restores it and reads the audit', async ({ skip }) => {
    if (browser === null) return skip()
    const page = await open({ width: 1280, height: 800 })
    await page.getByText('Active today: 1').waitFor()
    await enrol(server, owner)
    await page.getByText('Active today: 2').waitFor()
    await page.getByRole('figure', { name: 'People active per day' }).waitFor()
    await soundly(page, 'home')
    await page.getByRole('link', { name: 'Users' }).click()
    await page.getByRole('button', { name: 'New user' }).click()
    const form = page.getByRole('dialog', { name: 'New user' })
    await form.getByLabel(/^Username/).fill('nora')
    await form.getByLabel('Full name').fill('Nora Newcomer')
    await form.getByLabel(/^Email/).fill('nora@example.org')
    await picture(page, 'new-user')
    await form.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('button', { name: 'nora', exact: true }).waitFor()
    await soundly(page, 'users')

    await page.getByRole('link', { name: 'Backups' }).click()
    await page.getByRole('button', { name: 'Prove a backup now' }).click()
    const backup = page.getByRole('table', { name: 'Backups' }).getByRole('button').first()
    await backup.waitFor()
    await soundly(page, 'backups')

    await page.getByRole('link', { name: 'Users' }).click()
    await page.getByLabel('Search by name, username or email').fill('newcomer')
    await page.getByRole('button', { name: 'nora', exact: true }).click()
    await page.getByRole('button', { name: 'Deactivate' }).click()
    await page.getByText('Deactivate Nora Newcomer?').waitFor()
    await picture(page, 'deactivate')
    await page.getByRole('dialog', { name: 'Deactivate' }).getByRole('button', { name: 'Deactivate' }).click()
    await page.getByText('Nobody matches. Try fewer filters.').waitFor()

    await page.getByRole('link', { name: 'Backups' }).click()
    await backup.click()
    await page.getByLabel('Also people who were deactivated or removed on purpose').check()
    await page.getByRole('button', { name: 'Preview' }).click()
    await page.getByText(/This would bring back \d+, change \d+ and take away \d+ records/).waitFor()
    await picture(page, 'restore')
    await page.getByRole('button', { name: 'Restore now' }).click()
    await page.getByText(/Restored. \d+ brought back, \d+ changed/).waitFor()
    const { body } = await server.send('GET', '/v1/users?q=nora', { token: owner.token })
    expect(body.items).toMatchObject([{ username: 'nora', isActive: true }])
    await page.getByRole('button', { name: 'Undo this restore' }).click()
    await page.getByText('What the restore replaced is back.').waitFor()
    await page.keyboard.press('Escape')

    await page.getByRole('link', { name: 'Audit' }).click()
    await page.getByLabel('Action').fill('user.deactivate')
    await page.getByRole('table', { name: 'Audit' }).getByRole('button', { name: 'user.deactivate' }).first().click()
    await page.getByRole('button', { name: 'Before' }).first().click()
    await page.getByText('isActive: true → false').waitFor()
    await picture(page, 'audit-entry')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Verify now' }).click()
    await page.getByText('The log is whole').waitFor()
    await soundly(page, 'audit')
    expect(await page.evaluate(() => Object.keys(localStorage).filter((key) => /token/i.test(key)))).toEqual([])
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await soundly(page, 'sign-in')
    await page.close()
    expect(problems).toEqual([])
  })

  test('a job is stopped after the console said what that leaves undone, and run again', async ({ skip }) => {
    if (browser === null) return skip()
    const { runtime } = server.holdfast
    const job = newSystemJob(runtime, { kind: 'test.later', payload: {}, runAtMs: Date.now() + 3_600_000 })
    const by = { actor: { id: null, kind: 'system' as const, name: 'system' }, action: 'test.make', entity: null, requestId: null }
    await runtime.storage.tenant(owner.tenantId).commit([job.change], { ...by, time: new Date().toISOString() })
    const state = async () => (await server.send('GET', `/v1/jobs/${job.row.id}`, { token: owner.token })).body.state
    const page = await open({ width: 1280, height: 800 })
    await page.getByRole('link', { name: 'Jobs' }).click()
    await page.getByRole('button', { name: 'Stop job' }).click()
    const asked = page.getByRole('dialog', { name: 'Stop job' })
    await asked.getByText('Stop the job test.later?').waitFor()
    expect(await state()).toBe('queued')
    await soundly(page, 'jobs-cancel')
    await asked.getByRole('button', { name: 'Stop job' }).click()
    await page.getByRole('button', { name: 'Run again' }).waitFor()
    expect(await state()).toBe('cancelled')
    await soundly(page, 'jobs')
    await page.getByRole('button', { name: 'Run again' }).click()
    await page.getByRole('button', { name: 'Stop job' }).waitFor()
    expect(await state()).toBe('queued')
    await page.close()
    expect(problems).toEqual([])
  })

  test('every page works on a phone, in the dark, in German, by keyboard', async ({ skip }) => {
    if (browser === null) return skip()
    const page = await open({ width: 390, height: 844 }, 'dark')
    await picture(page, 'phone-home')
    await page.getByRole('button', { name: 'Deutsch' }).click()
    for (const [name, heading] of [
      ['Benutzer', 'Benutzer'],
      ['Organisation', 'Organisation'],
      ['Rollen und Zugriff', 'Warum sieht jemand jemanden?'],
      ['Kampagnen', 'Kampagnen'],
      ['Kontakte', 'Kontakte'],
      ['Zuteilungen', 'Zuteilungen'],
      ['Einladungslinks', 'Einladungslinks'],
      ['Teams', 'Teams'],
      ['Anwesenheit', 'Anwesenheit'],
      ['Urlaub', 'Urlaub'],
      ['Arbeitstage', 'Arbeitstage'],
      ['Checklisten', 'Checklisten'],
      ['Dateien', 'Dateien'],
      ['Protokoll', 'Protokoll'],
      ['Webhooks', 'Webhooks'],
      ['Aufträge', 'Aufträge'],
      ['API-Schlüssel', 'API-Schlüssel'],
      ['Mein Konto', 'Mein Konto'],
    ] as const) {
      await page.getByRole('button', { name: 'Menü' }).focus()
      await page.keyboard.press('Enter')
      await page.getByRole('link', { name, exact: true }).click()
      await page.getByRole('heading', { name: heading, level: 1 }).waitFor()
      await soundly(page, `phone-${name}`)
    }
    await page.close()
    expect(problems).toEqual([])
  })

  test('a hundred thousand users would be asked for as one scrolls; a stale edit is told, and nothing typed is lost', async ({ skip }) => {
    if (browser === null) return skip()
    for (let n = 0; n < 150; n += 1) await invite(server, owner, { username: `scroll-${String(n).padStart(3, '0')}` })
    const page = await open({ width: 1000, height: 700 })
    await page.getByRole('link', { name: 'Users' }).click()
    await page.getByText('100+ shown').waitFor()
    expect(await page.getByRole('table', { name: 'Users' }).getByRole('row').count()).toBeLessThan(60)
    await page.getByLabel('Search by name, username or email').fill('scroll-007')
    await page.getByRole('button', { name: 'scroll-007' }).click()
    await page.getByLabel('Full name').fill('Typed by hand')
    const found = (await server.send('GET', '/v1/users?q=scroll-007', { token: owner.token })).body.items?.[0]
    await server.send('PATCH', `/v1/users/${found?.id}`, {
      token: owner.token,
      body: { email: 'other@example.org', version: found?.version },
    })
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Somebody else changed this meanwhile.').waitFor()
    await picture(page, 'conflict')
    await page.getByRole('button', { name: 'Load the newest version' }).click()
    expect(await page.getByLabel('Full name').inputValue()).toBe('Typed by hand')
    await page.close()
    expect(problems).toEqual([])
  })
})
