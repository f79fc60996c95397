import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtIn } from '../../checklist/built-in.ts'
import { enterOwner, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown) =>
  server.send(method, `/api/checklists${path}`, { token: owner.token, ...(body === undefined ? {} : { body }) })
const own = (title: string, more: object = {}) =>
  send('POST', '/templates', { title, sections: [{ id: 's', title: 'S', items: [{ id: 'a', text: 'A' }] }], ...more })
const items = (count: number, text: string) => Array.from({ length: count }, (_, n) => ({ id: `i${n}`, text }))

/** Every page, walked with a limit. */
async function pages(limit: number): Promise<string[][]> {
  const all: string[][] = []
  for (let cursor: unknown = null; ; ) {
    const { body } = await send('GET', `/templates?limit=${limit}${cursor === null ? '' : `&cursor=${encodeURIComponent(String(cursor))}`}`)
    all.push((body.templates as unknown as Loose[]).map(({ templateId }) => String(templateId)))
    cursor = body.nextCursor
    if (cursor === null) return all
  }
}

test('a template that no checklist could be made of is refused, new and changed', async () => {
  const twice = [{ title: 'S', items: [...items(1, 'A'), ...items(1, 'B')] }]
  expect((await own('Twice', { sections: twice })).body).toMatchObject({ status: 400, code: 'invalid', errors: [{ field: 'sections' }] })
  const large = ['s', 't'].map((id) => ({
    id,
    title: id,
    items: items(400, 'x'.repeat(490)).map((one) => ({ ...one, id: `${id}${one.id}` })),
  }))
  expect((await own('Large', { sections: large })).body).toMatchObject({ status: 413, code: 'document_too_large' })
  const { templateId } = (await own('Small')).body.template as Loose
  for (const [sections, status] of [
    [twice, 400],
    [large, 413],
  ])
    expect((await send('PUT', `/templates/${templateId}`, { sections })).status).toBe(status)
  expect((await send('GET', `/templates/${templateId}`)).body.template).toMatchObject({ version: 1 })
  expect((await send('DELETE', `/templates/${templateId}`)).status).toBe(200)
})

test('every page holds so many as were asked for, and all pages every template once', async () => {
  const standard = builtIn.map(({ id }) => id)
  expect(await pages(200)).toEqual([standard])
  // the last page is full, and nothing comes after it
  expect(await pages(standard.length)).toEqual([standard])
  const ids: string[] = []
  for (const title of ['One', 'Two']) ids.push(String(((await own(title)).body.template as Loose).templateId))
  const all = [...standard, ...ids]
  for (const limit of [1, 3, standard.length, standard.length + 1, 200]) {
    const told = await pages(limit)
    expect(told.flat()).toEqual(all)
    for (const page of told.slice(0, -1)) expect(page).toHaveLength(limit)
  }
  expect((await send('GET', '/templates?cursor=nonsense')).status).toBe(400)
})

test('each tells whose it is and its revision', async () => {
  const { body } = await send('GET', '/templates?limit=1')
  expect(body.templates).toMatchObject([{ organizationId: owner.tenantId, revision: 1, isBuiltIn: true }])
  const made = (await own('Own')).body.template as Loose
  expect(made).toMatchObject({ organizationId: owner.tenantId, revision: 1 })
  const path = `/templates/${made.templateId}`
  expect((await send('PUT', path, { title: 'Owned', revision: 1 })).body.template).toMatchObject({ version: 2, revision: 2 })
  expect((await send('PUT', path, { title: 'Again', revision: 1 })).body.code).toBe('revision_conflict')
})
