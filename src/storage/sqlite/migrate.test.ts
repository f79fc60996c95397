import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { create, insert } from '../../kernel/change.ts'
import { type AnyEntity, entity } from '../../kernel/entity.ts'
import { meta, newSigner, now } from '../contract/harness.ts'
import { sqlite } from './engine.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-migrate-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const Before = entity('plan', { table: 'plans', fields: { name: z.string(), size: z.int() } })
const plan = create(Before, '0195a000-0000-7000-8000-000000000002', { name: 'first', size: 3 }, now)

/** Opens the folder with these entities, does something, and closes it. */
async function withEntities<T>(entities: readonly AnyEntity[], run: (storage: ReturnType<typeof sqlite>) => Promise<T>): Promise<T> {
  const storage = sqlite({ folder, entities })
  await storage.open()
  await storage.setSigner(newSigner())
  try {
    return await run(storage)
  } finally {
    await storage.close()
  }
}

const storePlan = () => withEntities([Before], (storage) => storage.tenant('t').commit([insert(Before, plan)], meta))

/** Reads the database file past the engine. */
function inspect<T>(sql: string): T[] {
  const db = new Database(join(folder, 'holdfast.db'))
  try {
    return db.prepare<unknown[], T>(sql).all()
  } finally {
    db.close()
  }
}

const steps = (): string[] => inspect<{ name: string }>('SELECT name FROM migrations ORDER BY number').map(({ name }) => name)

function execute(sql: string): void {
  const db = new Database(join(folder, 'holdfast.db'))
  db.exec(sql)
  db.close()
}

async function expectRefusal(entities: readonly AnyEntity[], words: string): Promise<void> {
  const schema = inspect('SELECT sql FROM sqlite_schema')
  const refusal = sqlite({ folder, entities }).open()
  await expect(refusal).rejects.toMatchObject({ kind: 'unavailable', code: 'schema_refused', message: expect.stringContaining(words) })
  expect(inspect('SELECT sql FROM sqlite_schema')).toEqual(schema)
}

test.each<[string, () => AnyEntity, string]>([
  [
    'a column of another kind',
    () => entity('plan', { table: 'plans', fields: { name: z.string(), size: z.string() } }),
    'stored as INTEGER',
  ],
  [
    'a column that may be null no more',
    () => entity('plan', { table: 'plans', fields: { name: z.string(), size: z.int(), spare: z.string() } }),
    'may not be null now',
  ],
  [
    'a column that another version needs and this one does not know',
    () => entity('plan', { table: 'plans', fields: { name: z.string() } }),
    'newer version',
  ],
  [
    'a column without a default for the rows that are there',
    () => entity('plan', { table: 'plans', fields: { ...Before.fields, colour: z.string() } }),
    'no default',
  ],
])('refuses %s, with advice, and changes nothing', async (_, type, words) => {
  await storePlan()
  execute('ALTER TABLE plans ADD COLUMN spare TEXT')
  await expectRefusal([type()], words)
})

test('refuses a new unique key that the rows do not keep, and changes nothing', async () => {
  await withEntities([Before], (storage) =>
    storage.tenant('t').commit([insert(Before, plan), insert(Before, { ...plan, id: plan.id.replace('2', '3') })], meta),
  )
  await expectRefusal([entity('plan', { table: 'plans', fields: Before.fields, unique: { name: ['name'] } })], 'Mend the data')
})

test('adds columns, indexes and tables to what is there, each as a numbered step', async () => {
  await storePlan()
  const before = steps()
  const After = entity('plan', {
    table: 'plans',
    fields: {
      ...Before.fields,
      note: z.string().nullable(),
      colour: z.string().default("it's red"),
      isOpen: z.boolean().default(true),
      weight: z.number().default(1.5),
      tags: z.array(z.string()).default(['a']),
    },
    unique: { name: ['name'] },
    indexes: { bySize: ['size'] },
  })
  const Extra = entity('extra', { table: 'extras', fields: { text: z.string() } })

  await withEntities([After, Extra], async (storage) => {
    expect(await storage.tenant('t').find(After, 'name', ['first'])).toEqual({
      ...plan,
      note: null,
      colour: "it's red",
      isOpen: true,
      weight: 1.5,
      tags: ['a'],
    })
    expect(await storage.tenant('t').count(After, { index: 'bySize' })).toBe(1)
    expect(await storage.tenant('t').list(Extra, {})).toEqual({ items: [], nextCursor: null })
  })

  expect(steps().slice(0, before.length)).toEqual(before)
  expect(steps().slice(before.length)).toEqual([
    'add plans.note',
    'add plans.colour',
    'add plans.is_open',
    'add plans.weight',
    'add plans.tags',
    'create plans_unique_name',
    'create plans_index_by_size',
    'create extras',
  ])
})

test('makes an empty table again when a column without a default is added', async () => {
  await withEntities([Before], async () => {})
  const After = entity('plan', { table: 'plans', fields: { ...Before.fields, colour: z.string() } })

  await withEntities([After], async (storage) => {
    const row = create(After, plan.id, { name: 'n', size: 1, colour: 'red' }, now)
    await storage.tenant('t').commit([insert(After, row)], meta)
    expect(await storage.tenant('t').get(After, plan.id)).toEqual(row)
  })
})

test('fills a new derived column in the rows that are there', async () => {
  await storePlan()
  const fields = { ...Before.fields, nameKey: z.string(), double: z.int() }
  const derived = { nameKey: (row: { name: string }) => row.name.toUpperCase(), double: (row: { size: number }) => row.size * 2 }
  const After = entity('plan', { table: 'plans', fields, derived, unique: { name: ['nameKey'] } })

  await withEntities([After], async (storage) => {
    expect(await storage.tenant('t').find(After, 'name', ['FIRST'])).toEqual({ ...plan, nameKey: 'FIRST', double: 6 })
  })
})

test('lets a column be null that could not be, and keeps rows and indexes', async () => {
  const indexes = { bySize: ['size' as const] }
  await withEntities([entity('plan', { table: 'plans', fields: Before.fields, indexes })], (storage) =>
    storage.tenant('t').commit([insert(Before, plan)], meta),
  )
  const After = entity('plan', {
    table: 'plans',
    fields: { name: z.string().nullable(), size: z.int(), note: z.string().nullable() },
    indexes,
  })

  await withEntities([After], async (storage) => {
    const other = create(After, plan.id.replace('2', '3'), { name: null, size: 4, note: null }, now)
    await storage.tenant('t').commit([insert(After, other)], meta)
    expect((await storage.tenant('t').list(After, { index: 'bySize' })).items).toEqual([{ ...plan, note: null }, other])
  })
})

test('does nothing when it runs again', async () => {
  await storePlan()
  const [before, schema] = [steps(), inspect('SELECT sql FROM sqlite_schema')]

  await withEntities([Before], async () => {})

  expect(steps()).toEqual(before)
  expect(inspect('SELECT sql FROM sqlite_schema')).toEqual(schema)
})

test('makes an index again that is declared otherwise, and drops one of ours that is declared no more', async () => {
  const indexed = (indexes: Record<string, ('name' | 'size')[]>) => entity('plan', { table: 'plans', fields: Before.fields, indexes })
  await withEntities([indexed({ byName: ['name'], bySize: ['size'] })], async () => {})
  execute('CREATE INDEX my_own ON plans (size)')

  await withEntities([indexed({ byName: ['size', 'name'] })], async () => {})

  const indexes = inspect<{ name: string }>(
    "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'plans' AND sql IS NOT NULL ORDER BY name",
  )
  expect(indexes.map(({ name }) => name)).toEqual(['my_own', 'plans_index_by_name'])
  expect(inspect("SELECT name FROM pragma_index_info('plans_index_by_name')")).toEqual(
    ['tenant_id', 'size', 'name', 'id'].map((name) => ({ name })),
  )
})

test('leaves a column that this version does not know alone when it may be null', async () => {
  await storePlan()
  execute('ALTER TABLE plans ADD COLUMN older TEXT')

  await withEntities([Before], async (storage) => expect(await storage.tenant('t').get(Before, plan.id)).toEqual(plan))
})
