import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readConfig } from '../config.ts'
import { startJobs } from '../job/work.ts'
import { jobHandlers } from '../job-handlers.ts'
import { foreigner, type Sales, startSales } from '../surfaces/salesbrain/testing/sales.ts'
import { join } from '../testing/people.ts'
import type { Loose } from '../testing/server.ts'
import { startSmtp } from '../testing/smtp-server.ts'

let sales: Sales
let smtp: Awaited<ReturnType<typeof startSmtp>>
let refusals = 0
let jobs: ReturnType<typeof startJobs>

beforeAll(async () => {
  smtp = await startSmtp((to) => (to.startsWith('busy') && ++refusals <= 1 ? '450 later' : null))
  sales = await startSales({ HOLDFAST_SMTP_URL: smtp.url, HOLDFAST_MAIL_FROM: 'Holdfast <holdfast@example.org>' })
  jobs = startJobs(sales.server.holdfast.runtime, jobHandlers, { retryMs: { first: 200, longest: 1_000 } })
})
afterAll(async () => {
  await jobs.stop()
  await sales.close()
  await smtp.close()
})

const link = async (fields: object = {}) =>
  (await sales.post('/api/admin/onboarding/create-link', { welcome_message: 'Hello and welcome', ...fields })).body.data as Loose
const mail = (id: unknown, to: unknown, token?: string) => sales.post(`/v1/onboarding/links/${id}/mail`, { to }, token)
const jobOf = async (id: unknown) => (await sales.get(`/v1/jobs/${id}`)).body
const lettersTo = (address: string) => smtp.letters.filter(({ to }) => to.includes(address))

test('refusals: members, unknown and foreign links, ended ones, addresses that are none, and too many', async () => {
  const { link_id: id } = await link()
  const member = await join(sales.server, sales.owner)
  expect((await mail(id, ['a@example.org'], member.token)).status).toBe(403)
  expect((await mail(randomUUID(), ['a@example.org'])).body.code).toBe('link_not_found')
  expect((await mail(id, ['a@example.org'], (await foreigner(sales.server)).token)).body.code).toBe('link_not_found')
  for (const to of [[], ['nobody'], ['a@example.org\r\nBcc: b@example.org'], Array(101).fill('a@example.org')])
    expect((await mail(id, to)).status, JSON.stringify(to)).toBe(422)
  await sales.post(`/api/admin/onboarding/link/${id}/revoke`, {})
  expect((await mail(id, ['a@example.org'])).body).toMatchObject({ status: 409, code: 'link_not_sendable' })
  expect(smtp.letters).toEqual([])
})

test('each address gets the link once, with a job of its own that holds no token', async () => {
  const made = await link()
  const answer = await mail(made.link_id, ['new.hire@example.org', 'other@example.org', 'new.hire@example.org'])
  expect(answer.status).toBe(202)
  const letterJobs = answer.body.jobs as unknown as { to: string; jobId: string }[]
  expect(letterJobs.map(({ to }) => to)).toEqual(['new.hire@example.org', 'other@example.org'])
  await expect.poll(() => smtp.letters.length, { timeout: 10_000 }).toBe(2)
  const [letter] = lettersTo('new.hire@example.org')
  expect(letter).toMatchObject({ from: 'holdfast@example.org', to: ['new.hire@example.org'] })
  expect(letter?.text.replaceAll('=\n', '').replaceAll('=3D', '=')).toContain(String(made.link_url))
  expect(letter?.text).toContain('Hello and welcome')
  await expect.poll(async () => (await jobOf(letterJobs[0]?.jobId)).state, { timeout: 10_000 }).toBe('done')
  expect(JSON.stringify(await jobOf(letterJobs[0]?.jobId))).not.toContain(String(made.link_token))
})

test('a server that is busy is asked again, with the same message id, and without the others', async () => {
  const made = await link()
  const answer = await mail(made.link_id, ['busy@example.org'])
  const [job] = answer.body.jobs as unknown as { jobId: string }[]
  await expect.poll(async () => (await jobOf(job?.jobId)).lastError, { timeout: 10_000 }).toBe('The mail server answered 450.')
  await expect.poll(() => lettersTo('busy@example.org').length, { timeout: 60_000 }).toBe(1)
  expect(lettersTo('busy@example.org')[0]?.text).toContain(`<${job?.jobId}@127.0.0.1>`)
})

test('without a server everything works but this, and a half setting ends the start without showing a password', async () => {
  const { services } = sales.server.holdfast.runtime
  const { mailer } = services
  services.mailer = null
  try {
    const { link_id: id } = await link()
    expect((await mail(id, ['a@example.org'])).body).toMatchObject({ status: 409, code: 'mail_not_set' })
  } finally {
    services.mailer = mailer
  }
  for (const [url, from] of [
    ['smtps://someone:geheim@mail.example.org', undefined],
    [undefined, 'holdfast@example.org'],
    ['https://someone:geheim@mail.example.org', 'holdfast@example.org'],
    ['smtps://someone:geheim@mail.example.org', 'holdfast\r\nBcc: x@example.org'],
  ])
    expect(() => readConfig({ HOLDFAST_SMTP_URL: url, HOLDFAST_MAIL_FROM: from })).toThrow(/^(?!.*geheim).*HOLDFAST_(SMTP_URL|MAIL_FROM)/s)
  expect(readConfig({ HOLDFAST_SMTP_URL: 'smtps://a:b@mail.example.org', HOLDFAST_MAIL_FROM: 'H <h@example.org>' }).mail).not.toBeNull()
})
