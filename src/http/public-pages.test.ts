import jsQR from 'jsqr'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, picture, seriousFindings } from '../testing/browser.ts'
import { enterOwner, goodPassword } from '../testing/people.ts'
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

/** What a QR code says, read as a camera's picture would be (ISO/IEC 18004). */
async function decoded(png: Buffer): Promise<string> {
  const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
  // as Node and as vitest give a CommonJS module
  const read = ('default' in jsQR ? jsQR.default : jsQR) as typeof jsQR.default
  return read(new Uint8ClampedArray(data), info.width, info.height)?.data ?? 'nothing'
}

test('a new hire comes through it in a browser', async ({ skip }) => {
  const browser = await openBrowser()
  if (browser === null) return skip()
  try {
    const { token, link } = await create({ creates_user: true, total_steps: 2, welcome_message: 'Glad to have you' })
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } })
    page.setDefaultTimeout(120_000)
    const problems: string[] = []
    page.on('console', (said) => said.type() === 'error' && problems.push(said.text()))
    page.on('pageerror', (error) => problems.push(error.message))
    // as from a poster: what the printed code says is what is opened
    const printed = await fetch(`${url}/api/admin/onboarding/link/${link.link_id}/qr?size=400`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const poster = new URL(await decoded(Buffer.from(await printed.arrayBuffer())))
    expect(poster.pathname).toBe(`/o/${link.link_token}`)
    await page.goto(`${url}${poster.pathname}`)
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
})

test('a customer books, is answered, and may then change nothing more', async ({ skip }) => {
  const owner = await enterOwner(server)
  const activity = {
    id: 'A-1',
    subject: 'Heat pump: yearly service',
    equipment: { code: 'HP', name: 'Heat pump', address: '1 Made Up Road' },
  }
  const { body } = await server.send('POST', '/fsm/appointments', { token: owner.token, body: { activities: [activity] } })
  const instance = (body.data as unknown as { instances: Record<string, string>[] }).instances[0] ?? {}
  const path = `/booking/${instance.customerAccessToken}`
  expect((await server.send('GET', path)).text).toBe((await server.send('GET', `/booking/${'x'.repeat(32)}`)).text)
  const browser = await openBrowser()
  if (browser === null) return skip()
  try {
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } })
    page.setDefaultTimeout(120_000)
    const problems: string[] = []
    page.on('console', (said) => said.type() === 'error' && problems.push(said.text()))
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(`${url}${path}`)
    await page.getByRole('heading', { name: 'Heat pump: yearly service' }).waitFor()
    await page.getByText('1 Made Up Road').waitFor()
    await page.getByLabel('Your name').fill('Iris Vale')
    await page.getByLabel('Day').fill('2026-12-01')
    await page.getByLabel('From').fill('10:00')
    await page.getByLabel('To').fill('08:00')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('must end after it begins').waitFor()
    expect(await page.getByLabel('Your name').inputValue()).toBe('Iris Vale')
    await page.getByLabel('To').fill('12:00')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('We will answer soon').waitFor()
    await picture(page, 'booking-phone')
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    expect(await seriousFindings(page)).toEqual([])
    const read = async () =>
      (await server.send('GET', `/fsm/appointments/token/${instance.customerAccessToken}`)).body.data as unknown as Record<string, unknown>
    expect(await read()).toMatchObject({ status: 'REQUESTED', customerBooking: { customerName: 'Iris Vale', preferredTimeSlots: [{}] } })

    const slot = (await read()).customerBooking as { preferredTimeSlots: { id: string }[] }
    const answer = { response: 'approve', selectedTimeSlot: slot.preferredTimeSlots[0]?.id, fsmMessage: 'See you then' }
    await server.send('PUT', `/fsm/appointments/${instance.instanceId}`, { token: owner.token, body: answer })
    // what was open in another window is told, not lost silently
    await page.getByRole('button', { name: 'Change it' }).click()
    await page.getByText('Your appointment is confirmed.').waitFor()
    await page.getByText('See you then').waitFor()
    expect(await page.getByRole('textbox').count()).toBe(0)
    await page.setViewportSize({ width: 1280, height: 800 })
    await picture(page, 'booking-answered-wide')
    await page.goto(`${url}/booking/${'y'.repeat(32)}`)
    await page.getByRole('heading', { name: 'This link does not lead anywhere' }).waitFor()
    // the browser says so itself of the 409 and the 404
    expect(problems.filter((text) => !/40[49]/.test(text))).toEqual([])
  } finally {
    await browser.close()
  }
})
