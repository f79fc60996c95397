import { z } from 'zod'
import { create, insert, patched, remove, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { listing, revision, text } from '../profile/input.ts'
import { assertRevision, entered, forbidden, where } from '../profile/place.ts'
import { firstVersion } from './begin.ts'
import { type BuiltIn, builtIn } from './built-in.ts'
import { ChecklistTemplate, type TemplateRow } from './entity.ts'
import { type ChecklistData, checklistData } from './shape.ts'

const limited = (most: number) => z.string().refine((given) => [...given].length <= most, `must be at most ${most} characters`)
const title = limited(200).refine((given) => given.trim() !== '', 'must not be empty')
const sections = checklistData.shape.sections.min(1, 'must have at least one section')

const fields = {
  description: limited(1_000).default(''),
  category: text(100).default(null),
  difficulty: z.enum(['easy', 'medium', 'hard']).default('medium'),
  estimatedDuration: z.int().min(0).max(100_000).nullable().default(null),
  tags: z.array(limited(50)).max(50).default([]),
}

export const templateView = z.object({
  templateId: z.string(),
  organizationId: z.string(),
  title: z.string(),
  description: z.string(),
  category: z.string().nullable(),
  difficulty: z.enum(['easy', 'medium', 'hard']),
  estimatedDuration: z.int().nullable(),
  tags: z.array(z.string()),
  sections: z.array(z.unknown()),
  version: z.int(),
  isBuiltIn: z.boolean(),
  createdAt: z.string().nullable(),
  updatedAt: z.string().nullable(),
  revision: z.int(),
})
type TemplateView = z.input<typeof templateView>

type Place = Pick<Context, 'store'>

const shapeOf = ({ store }: Place, { id, ...row }: TemplateRow): TemplateView => ({
  ...row,
  templateId: id,
  organizationId: store.tenantId,
  isBuiltIn: false,
  revision: row.version,
})
const builtInShape = ({ store }: Place, { id, ...template }: BuiltIn): TemplateView => ({
  ...template,
  templateId: id,
  organizationId: store.tenantId,
  version: 1,
  isBuiltIn: true,
  createdAt: null,
  updatedAt: null,
  revision: 1,
})

const notFound = () => new AppError('not_found', 'template_not_found', 'Template not found')

/** A template by its id, one of the tenant's or one that every tenant has. Errors: `template_not_found`. */
export async function theTemplate(
  context: Context,
  id: string,
): Promise<{ view: TemplateView; row: TemplateRow | null; data: ChecklistData }> {
  const standard = builtIn.find((one) => one.id === id)
  const row = standard === undefined && isUuid(id) ? await context.store.get(ChecklistTemplate, id) : null
  if (standard === undefined && row === null) throw notFound()
  const view = standard === undefined ? shapeOf(context, row as TemplateRow) : builtInShape(context, standard)
  return { view, row, data: dataOf(view) }
}

const dataOf = ({ title, description, sections }: Pick<TemplateView, 'title' | 'description' | 'sections'>): ChecklistData =>
  checklistData.parse({ title, description, sections })

/** Refuses a template that no checklist could be made of. Errors: `validation_failed`, `document_too_large`. */
const assertUsable = ({ newId }: Context, row: TemplateRow): void => void firstVersion(dataOf(row), newId, 'sections')

/** Those that every tenant has first, then the tenant's own: among the first ones a cursor is the id of the last that was told. */
export const listTemplates = operation({
  name: 'template.list',
  summary: 'List checklist templates',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({ ...where, ...listing }),
  output: z.object({ templates: z.array(templateView), nextCursor: z.string().nullable() }),
  async run(caller, { limit, cursor, ...place }) {
    const context = await entered(caller, place)
    const at = builtIn.findIndex(({ id }) => id === cursor) + 1
    const isBeyond = cursor !== null && at === 0
    const standard = isBeyond ? [] : builtIn.slice(at, at + limit).map((one) => builtInShape(context, one))
    const room = limit - standard.length
    const page = await context.store.list(ChecklistTemplate, { cursor: isBeyond ? cursor : null, limit: Math.max(1, room) })
    if (room > 0)
      return { output: { templates: [...standard, ...page.items.map((row) => shapeOf(context, row))], nextCursor: page.nextCursor } }
    const isEnd = at + limit >= builtIn.length && page.items.length === 0
    return { output: { templates: standard, nextCursor: isEnd ? null : (standard.at(-1)?.templateId ?? null) } }
  },
})

export const getTemplate = operation({
  name: 'template.get',
  summary: 'Read a checklist template',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({ ...where, templateId: z.string() }),
  output: z.object({ template: templateView }),
  async run(caller, { templateId, ...place }) {
    const { view } = await theTemplate(await entered(caller, place), templateId)
    return { output: { template: view } }
  },
})

/** Makes a template. Errors: `document_too_large` where a checklist of it would be. */
export const createTemplate = operation({
  name: 'template.create',
  summary: 'Create a checklist template',
  needs: 'template:manage',
  elsewhere: true,
  input: z.object({ ...where, title, sections, ...fields }).strict(),
  output: z.object({ template: templateView }),
  async run(caller, { organization, actors, ...given }) {
    const context = await entered(caller, { organization, actors })
    const row = create(ChecklistTemplate, context.newId(), given, context.now)
    assertUsable(context, row)
    return {
      output: { template: shapeOf(context, row) },
      changes: [insert(ChecklistTemplate, row)],
      store: context.store,
      entity: { type: ChecklistTemplate.name, id: row.id },
    }
  },
})

/** Changes a template; checklists made from it before stay as they are. Errors: `template_not_found`, `forbidden` for those that every tenant has, `document_too_large`. */
export const updateTemplate = operation({
  name: 'template.update',
  summary: 'Change a checklist template',
  needs: 'template:manage',
  elsewhere: true,
  input: z
    .object({
      ...where,
      templateId: z.string(),
      revision,
      title: title.optional(),
      sections: sections.optional(),
      description: limited(1_000).optional(),
      category: text(100).optional(),
      difficulty: z.enum(['easy', 'medium', 'hard']).optional(),
      estimatedDuration: z.int().min(0).max(100_000).nullable().optional(),
      tags: z.array(limited(50)).max(50).optional(),
    })
    .strict(),
  output: z.object({ template: templateView }),
  async run(caller, { organization, actors, templateId, revision: read, ...given }) {
    const context = await entered(caller, { organization, actors })
    const { row } = await theTemplate(context, templateId)
    if (row === null) throw forbidden()
    assertRevision(row, read)
    const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    const next = patched(ChecklistTemplate, row, set, context.now)
    assertUsable(context, next)
    return {
      output: { template: shapeOf(context, next) },
      changes: [update(ChecklistTemplate, row, next)],
      store: context.store,
      entity: { type: ChecklistTemplate.name, id: row.id },
    }
  },
})

export const removeTemplate = operation({
  name: 'template.remove',
  summary: 'Remove a checklist template',
  needs: 'template:manage',
  elsewhere: true,
  input: z.object({ ...where, templateId: z.string() }),
  output: z.null(),
  async run(caller, { templateId, ...place }) {
    const context = await entered(caller, place)
    const { row } = await theTemplate(context, templateId)
    if (row === null) throw forbidden()
    return {
      output: null,
      changes: [remove(ChecklistTemplate, row)],
      store: context.store,
      entity: { type: ChecklistTemplate.name, id: row.id },
    }
  },
})
