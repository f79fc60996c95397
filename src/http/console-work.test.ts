import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { here, setTime, startWorkday, type Workday } from '../attendance/testing/workday.ts'
import { openBrowser, picture, seriousFindings } from '../testing/browser.ts'
import { goodPassword } from '../testing/people.ts'
import { ownerPassword } from '../testing/server.ts'

const root = join(import.meta.dirname, '../..')
let day: Workday
let url: string
let browser: Browser | null = null
const problems: string[] = []

beforeAll(async () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools/console.mjs'), '--strict'], { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  day = await startWorkday()
  url = await day.server.listen()
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  await day.server.close()
})

async function open(place: string, size = { width: 1280, height: 800 }): Promise<Page> {
  if (browser === null) throw new Error('no browser')
  const page = await browser.newPage({ viewport: size, locale: 'en-GB', reducedMotion: 'reduce' })
  page.setDefaultTimeout(120_000)
  page.on('console', (said) => said.type() === 'error' && !/status of (401|409|422)/.test(said.text()) && problems.push(said.text()))
  page.on('pageerror', (error) => problems.push(error.message))
  await page.goto(`${url}${place}`)
  await page.getByLabel('Username or email').fill('owner')
  await page.getByLabel('Password').first().fill(ownerPassword)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  return page
}
async function soundly(page: Page, name: string): Promise<void> {
  await picture(page, name)
  expect(await seriousFindings(page), name).toEqual([])
}
const send = (method: string, path: string, body?: unknown) => day.send(method, path, day.owner.token, body)

test('users of an older system are imported after a dry run, with their managers and old passwords', async ({ skip }) => {
  if (browser === null) return skip()
  const page = await open('/console/users')
  await page.getByRole('button', { name: 'Import' }).click()
  const dialog = page.getByRole('dialog', { name: 'Import users' })
  const hash = createHash('sha256').update('seven old boats').digest('hex')
  const csv = ['Login;full_name;manager;password_hash', `sam;Sam Sample;ida;${hash}`, 'ida;Ida Example;;', 'zed;;nowhere;']
  await page.locator('input[type=file]').setInputFiles({ name: 'team.csv', mimeType: 'text/csv', buffer: Buffer.from(csv.join('\n')) })
  const check = dialog.getByRole('button', { name: 'Check without saving' })
  expect(await check.isDisabled()).toBe(true)
  await dialog.getByRole('combobox', { name: 'Login' }).click()
  await page.getByRole('option', { name: 'Username', exact: true }).click()
  await check.click()
  await dialog.getByText('2 would be created, 0 are there already, 1 are refused. Nothing is saved yet.').waitFor()
  await dialog.getByText('Row 3: manager is no user of this tenant or of this file').waitFor()
  await soundly(page, 'import-users')
  expect((await send('GET', '/v1/users?q=sam')).body.items).toEqual([])
  await dialog.getByRole('button', { name: 'Import 2 users' }).click()
  await dialog.getByText('2 created, 0 were there already, 1 refused.').waitFor()
  const signedIn = await day.server.send('POST', '/v1/sessions', { body: { login: 'sam', password: 'seven old boats' } })
  expect(signedIn.status, signedIn.text).toBe(201)
  await page.close()
  expect(problems).toEqual([])
})

test('contacts are imported after a trial, handed out evenly, taken back, and handed over', async ({ skip }) => {
  if (browser === null) return skip()
  for (const name of ['ann', 'bob', 'cem'])
    await send('POST', '/v1/users', { username: name, fullName: name.toUpperCase(), role: 'member' })
  const page = await open('/console/contacts')
  const csv = [
    'first_name,email,lead_score',
    ...Array.from({ length: 12 }, (_, n) => `Contact ${n},c${n}@example.org,${n}`),
    'Bad,no-address,1',
  ]
  await page.locator('input[type=file]').setInputFiles({ name: 'contacts.csv', mimeType: 'text/csv', buffer: Buffer.from(csv.join('\n')) })
  await page.getByText('12 would be created, 0 are there already, 1 cannot be read.').waitFor()
  await soundly(page, 'contacts-trial')
  await page.getByRole('button', { name: 'Import 12 contacts' }).click()
  await page.getByText('12 contacts imported.').waitFor()
  await page.getByRole('button', { name: 'Contact 3' }).click()
  await page.getByLabel('Company').fill('Vale & Sons')
  await page.getByRole('combobox', { name: 'Tags' }).fill('Trade fair')
  await page.getByRole('combobox', { name: 'Tags' }).press('Enter')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved.').waitFor()
  await page.getByLabel('Tag', { exact: true }).fill('trade fair')
  await page.getByText('1 shown').waitFor()
  await page.getByRole('button', { name: 'Contact 3' }).click()
  await page.getByRole('dialog', { name: 'Contact 3' }).getByText('trade fair').waitFor()
  await soundly(page, 'contact')
  await page.getByRole('dialog', { name: 'Contact 3' }).getByRole('button', { name: 'Close' }).click()

  await page.getByRole('link', { name: 'Assignments' }).click()
  await page.getByRole('button', { name: 'Hand out' }).click()
  await page.getByText('12 contacts handed out.').waitFor()
  await soundly(page, 'assignments')
  const loads = async () =>
    ((await send('GET', '/api/admin/users')).body.data as unknown as { contacts_count: number; assignable: boolean }[]).map(
      ({ contacts_count }) => contacts_count,
    )
  const given = (await loads()).filter((n) => n > 0)
  expect(given.reduce((sum, n) => sum + n, 0)).toBe(12)
  expect(Math.max(...given) - Math.min(...given)).toBeLessThanOrEqual(1)
  await page.getByRole('button', { name: 'Undo the last hand-out' }).click()
  await page.getByText('12 contacts are back.').waitFor()
  expect((await loads()).every((n) => n === 0)).toBe(true)
  await page.close()
  expect(problems).toEqual([])
})

test('somebody is put on a campaign, may change it, and is taken off after a question', async ({ skip }) => {
  if (browser === null) return skip()
  await send('POST', '/v1/users', { username: 'dora', fullName: 'Dora Doer', role: 'member' })
  const { body: campaign } = await send('POST', '/v1/campaigns', { name: 'Spring mailing' })
  const page = await open('/console/campaigns')
  await page.getByRole('button', { name: 'Spring mailing' }).click()
  const dialog = page.getByRole('dialog', { name: 'Who works on Spring mailing' })
  await dialog.getByText('Nobody works on this campaign yet.').waitFor()
  await dialog.getByRole('combobox', { name: 'Add a person' }).fill('dora')
  await page.getByRole('option', { name: 'Dora Doer' }).click()
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  const row = dialog.getByRole('listitem').filter({ hasText: 'Dora Doer' })
  await row.waitFor()
  await row.getByRole('checkbox').click()
  await row.getByRole('checkbox', { checked: true }).waitFor()
  await soundly(page, 'campaign-people')
  const people = async () => (await send('GET', `/v1/campaigns/${campaign.id}/people`)).body.items
  await expect.poll(people).toMatchObject([{ username: 'dora', role: 'member', canEdit: true, canViewStats: true }])
  await row.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog', { name: 'Remove' }).getByRole('button', { name: 'Remove' }).click()
  await row.waitFor({ state: 'detached' })
  expect(await people()).toEqual([])
  await page.close()
  expect(problems).toEqual([])
})

test('a link is made, shown as a QR code that says its address, sent nowhere without a mail server, and ended', async ({ skip }) => {
  if (browser === null) return skip()
  const page = await open('/console/links')
  await page.getByLabel('Name').fill('Poster in the hall')
  await page.getByLabel('For how many people').fill('20')
  await page.getByRole('button', { name: 'Create' }).click()
  const dialog = page.getByRole('dialog', { name: 'Poster in the hall' })
  await dialog.getByRole('img', { name: 'QR code of the link' }).waitFor()
  const link = await dialog.locator('code').textContent()
  expect(link).toMatch(/\/o\/[A-Za-z0-9]{32}$/)
  await soundly(page, 'link')
  await dialog.getByLabel('Send to').fill('new.hire@example.org')
  await dialog.getByRole('button', { name: 'Send by mail' }).click()
  await dialog.getByText('No mail server is set.').waitFor()
  await dialog.getByRole('button', { name: 'End link' }).click()
  await page.getByRole('dialog', { name: 'End link' }).getByRole('button', { name: 'End link' }).click()
  await dialog.getByText('Revoked · used 0 / 20').waitFor()
  const { body } = await send('GET', '/api/admin/onboarding/links')
  expect((body.data as unknown as { links: object[] }).links).toMatchObject([{ status: 'revoked', max_uses: 20, creates_user: true }])
  await page.close()
  expect(problems).toEqual([])
})

test('who came through a link that asks for approval is let in here', async ({ skip }) => {
  if (browser === null) return skip()
  const link = (
    await send('POST', '/api/admin/onboarding/create-link', {
      creates_user: true,
      requires_approval: true,
      max_uses: 1,
      template_name: 'Asked',
    })
  ).body.data as unknown as { link_token: string }
  const person = { first_name: 'Nora', last_name: 'Newcomer', email: 'nora.new@example.org', password: goodPassword }
  const came = await day.server.send('POST', `/api/admin/onboarding/o/${link.link_token}/complete`, { body: person })
  expect(came.status, came.text).toBe(200)
  const signIn = () => day.server.send('POST', '/v1/sessions', { body: { login: person.email, password: goodPassword } })
  expect((await signIn()).status).toBe(401)
  const page = await open('/console/links')
  const waiting = page.getByRole('region', { name: 'Waiting for approval' })
  await waiting.getByText('Nora Newcomer').waitFor()
  await soundly(page, 'approvals')
  await waiting.getByRole('button', { name: 'Approve' }).click()
  await waiting.waitFor({ state: 'detached' })
  expect((await signIn()).status).toBe(201)
  await page.close()
  expect(problems).toEqual([])
})

test('a team is made, gets somebody, and loses them after a question', async ({ skip }) => {
  if (browser === null) return skip()
  await send('POST', '/v1/users', { username: 'mira', fullName: 'Mira Member', role: 'member' })
  const page = await open('/console/teams')
  await page.getByLabel('Name').fill('North')
  await page.getByRole('button', { name: 'New team' }).click()
  await page.getByRole('button', { name: 'North' }).click()
  const dialog = page.getByRole('dialog', { name: 'North' })
  await dialog.getByRole('combobox', { name: 'Add a person' }).fill('mira')
  await page.getByRole('option', { name: 'Mira Member' }).click()
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  const row = dialog.getByRole('listitem').filter({ hasText: /mira|Mira/ })
  await row.waitFor()
  await soundly(page, 'team')
  await row.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog', { name: 'Remove' }).getByRole('button', { name: 'Remove' }).click()
  await row.waitFor({ state: 'detached' })
  await page.close()
  expect(problems).toEqual([])
})

test('attendance of a month, and where a day began, on a phone too', async ({ skip }) => {
  if (browser === null) return skip()
  const now = new Date()
  const today = `${now.getUTCFullYear()}-${String(now.getUTCMonth() + 1).padStart(2, '0')}-${String(now.getUTCDate()).padStart(2, '0')}`
  setTime(day.server, `${today}T09:30:00+05:30`)
  // a day off may be marked nowhere: whatever weekday it is
  await send('PUT', '/v1/settings/attendance', {
    ...(await send('GET', '/v1/settings/attendance')).body,
    workingDays: [0, 1, 2, 3, 4, 5, 6],
  })
  for (const [at, worker] of [day.mt, day.mt2, day.support].entries()) {
    const place = { latitude: here.lat + at / 500, longitude: here.lng + at / 400, accuracy: here.accuracy }
    const { status, text } = await day.send('POST', '/v1/attendance', worker.token, place)
    expect(status, text).toBe(201)
  }
  const page = await open('/console/attendance')
  await page.getByRole('rowheader').first().waitFor()
  expect(await page.getByRole('rowheader').count()).toBe(3)
  await page.getByRole('button', { name: new RegExp(today) }).click()
  await page.getByRole('img', { name: /Where 3 people began/ }).waitFor()
  await soundly(page, 'attendance')
  await page
    .getByRole('table', { name: 'Entries of the day' })
    .getByRole('button', { name: /^Correct: / })
    .first()
    .click()
  const form = page.getByRole('dialog', { name: new RegExp(today) })
  await form.getByRole('combobox', { name: 'Status' }).click()
  await page.getByRole('option', { name: 'Half a day' }).click()
  await form.getByLabel('Remarks').fill('Left for the dentist')
  await soundly(page, 'attendance-correct')
  await form.getByRole('button', { name: 'Save' }).click()
  await form.waitFor({ state: 'detached' })
  await page.getByRole('table', { name: 'Entries of the day' }).getByText('Left for the dentist').waitFor()
  const { body } = await send('GET', `/v1/attendance?from=${today}&to=${today}`)
  expect(body.items).toContainEqual(expect.objectContaining({ status: 'half_day', remarks: 'Left for the dentist' }))
  const approved = async () =>
    ((await send('GET', `/v1/attendance?from=${today}&to=${today}`)).body.items as unknown as { isApprovedByAdmin: boolean }[]).filter(
      (one) => one.isApprovedByAdmin,
    ).length
  await page
    .getByRole('button', { name: /^Approve: / })
    .first()
    .click()
  await page.getByText(/: a DC has to confirm the day first\.$/).waitFor()
  await soundly(page, 'attendance-approve')
  expect(await approved()).toBe(0)
  expect((await day.send('POST', '/v1/attendance/confirmations', day.dc.token, { from: today, to: today })).status).toBe(200)
  await page.getByRole('button', { name: `Approve all of ${today}` }).click()
  await page
    .getByRole('button', { name: /^Approve/ })
    .first()
    .waitFor({ state: 'detached' })
  expect(await approved()).toBe(3)
  await page.setViewportSize({ width: 390, height: 844 })
  await soundly(page, 'attendance-phone')
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390)
  await page.close()
  expect(problems).toEqual([])
})

test('working days are changed, a wrong time is said in words, and a holiday is made and taken back', async ({ skip }) => {
  if (browser === null) return skip()
  const page = await open('/console/working-days')
  await page.getByLabel('Late until').fill('09:00')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('lateUntil: must be later than the time before it').waitFor()
  await page.getByLabel('Late until').fill('13:45')
  await page.getByLabel('Planned', { exact: true }).fill('12.5')
  await page.getByLabel('Sick', { exact: true }).fill('10')
  await page.getByLabel('Sick', { exact: true }).fill('')
  await soundly(page, 'working-days')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved.').waitFor()
  expect((await send('GET', '/v1/settings/attendance')).body).toMatchObject({ lateUntil: '13:45', leaveDaysPerYear: { planned: 12.5 } })
  await page.getByText('No holiday yet.').waitFor()
  await page.getByLabel(/^Day/).fill('2027-01-26')
  await page.getByLabel('Name').fill('Republic Day')
  await page.getByRole('button', { name: 'Add holiday' }).click()
  const row = page.getByRole('row').filter({ hasText: 'Republic Day' })
  await row.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog', { name: 'Remove' }).getByRole('button', { name: 'Remove' }).click()
  await row.waitFor({ state: 'detached' })
  expect((await send('GET', '/v1/holidays')).body.items).toEqual([])
  await page.close()
  expect(problems).toEqual([])
})

test('photos of a checklist are shown, and removed after a question', async ({ skip }) => {
  if (browser === null) return skip()
  const made = await send('POST', '/api/checklists', { checklistData: { title: 'Kitchen', sections: [] } })
  const bytes = await sharp({ create: { width: 300, height: 200, channels: 3, background: '#377' } })
    .png()
    .toBuffer()
  const { body: asked } = await send('POST', '/api/media/upload-url', {
    fileName: 'kitchen.png',
    fileType: 'image/png',
    fileSize: bytes.byteLength,
    checksum: createHash('sha256').update(bytes).digest('hex'),
    submissionId: made.body.checklistId,
  })
  const at = new URL(String(asked.uploadUrl))
  await day.server.send('PUT', at.pathname + at.search, { raw: bytes, headers: asked.headers as unknown as Record<string, string> })
  expect((await send('POST', '/api/media/confirm-upload', { fileId: asked.fileId, key: asked.key })).status).toBe(200)
  const page = await open('/console/media')
  await page.getByRole('button', { name: 'kitchen.png' }).click()
  const dialog = page.getByRole('dialog', { name: 'kitchen.png' })
  await dialog.getByRole('img', { name: 'kitchen.png' }).waitFor()
  await soundly(page, 'media')
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog', { name: 'Remove' }).getByRole('button', { name: 'Remove' }).click()
  await page.getByText('No file here yet.').waitFor()
  await page.close()
  expect(problems).toEqual([])
})

test('a webhook shows its secret once, is switched off, and goes', async ({ skip }) => {
  if (browser === null) return skip()
  const page = await open('/console/webhooks')
  await page.getByLabel('Name').fill('Payroll')
  await page.getByLabel('Address').fill('https://hooks.example.org/holdfast')
  await page.getByRole('button', { name: 'New webhook' }).click()
  await page.getByText('Copy this secret now').waitFor()
  await page.getByRole('switch', { name: 'Active: Payroll' }).click({ force: true })
  await page.getByText('Saved.').waitFor()
  await soundly(page, 'webhooks')
  await page.getByRole('button', { name: 'Replay: Payroll' }).click()
  const replay = page.getByRole('dialog', { name: 'Replay: Payroll' })
  await replay.getByLabel('After entry number').fill('999999')
  await replay.getByRole('button', { name: 'Replay' }).click()
  await replay.getByText('must not lie beyond the end of the log').waitFor()
  await replay.getByLabel('After entry number').fill('2')
  await soundly(page, 'webhook-replay')
  await replay.getByRole('button', { name: 'Replay' }).click()
  await replay.waitFor({ state: 'detached' })
  expect((await send('GET', '/v1/webhooks')).body.items).toMatchObject([{ name: 'Payroll', position: 2 }])
  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog', { name: 'Remove' }).getByRole('button', { name: 'Remove' }).click()
  await page.getByText('No webhook.').waitFor()
  await page.close()
  expect(problems).toEqual([])
})
