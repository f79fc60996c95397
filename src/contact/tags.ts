import { z } from 'zod'
import { type Change, patched, update } from '../kernel/change.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { Contact, searchBreak } from './entity.ts'
import { reachable, reachables } from './native.ts'

const most = 50

/** Compared without case, kept as written first. */
const tag = z
  .string()
  .trim()
  .refine((text) => [...text].length >= 1 && [...text].length <= 50, 'must be 1 to 50 characters')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  .refine((text) => !/[\u0000-\u001f]/.test(text), 'must be one line of text')
  .transform((text) => text.toLowerCase())
const tags = z.array(tag).max(most)

/** Between breaks, so that a search for one tag finds no part of another; null without any. */
const stored = (all: Iterable<string>): string | null => {
  const sorted = [...new Set(all)].sort()
  return sorted.length === 0 ? null : searchBreak + sorted.join(searchBreak) + searchBreak
}
export const tagsOf = ({ tags: text }: { tags: string | null }): string[] => text?.split(searchBreak).filter((one) => one !== '') ?? []

const tooMany = () => new AppError('unprocessable', 'too_many_tags', `A contact has at most ${most} tags.`)

const output = z.object({ tags: z.array(z.string()) })

export const getTags = operation({
  name: 'contact.tags',
  summary: 'Read the tags of a contact',
  needs: 'contact:read',
  readOnly: true,
  input: z.strictObject({ id: z.string() }),
  output,
  run: async (context, { id }) => ({ output: { tags: tagsOf(await reachable(context, id)) } }),
})

/** Sets all tags of a contact. They are lower-case, each once, in order. Errors: `not_found`. */
export const setTags = operation({
  name: 'contact.set-tags',
  summary: 'Set the tags of a contact',
  needs: 'contact:update',
  input: z.strictObject({ id: z.string(), tags }),
  output,
  async run(context, { id, tags: wanted }) {
    const before = await reachable(context, id)
    const after = patched(Contact, before, { tags: stored(wanted) }, context.now)
    const isSame = before.tags === after.tags
    return {
      output: { tags: tagsOf(after) },
      ...(isSame ? {} : { changes: [update(Contact, before, after)], entity: { type: Contact.name, id } }),
    }
  },
})

/** Adds and takes tags from many contacts at once, all or nothing. Errors: `not_found` where one is out of reach, `too_many_tags`. */
export const tagContacts = operation({
  name: 'contact.tag-many',
  summary: 'Add tags to contacts, or take them away',
  needs: 'contact:update',
  input: z.strictObject({
    contactIds: z.array(z.uuid()).min(1).max(1_000),
    add: tags.default([]),
    remove: tags.default([]),
  }),
  output: z.object({ changed: z.int() }),
  async run(context, { contactIds, add, remove }) {
    const gone = new Set(remove)
    const changes: Change[] = []
    for (const before of await reachables(context, [...new Set(contactIds)])) {
      const kept = tagsOf(before).filter((one) => !gone.has(one))
      const text = stored([...kept, ...add.filter((one) => !gone.has(one))])
      if (text === before.tags) continue
      const after = patched(Contact, before, { tags: text }, context.now)
      if (tagsOf(after).length > most) throw tooMany()
      changes.push(update(Contact, before, after))
    }
    return { output: { changed: changes.length }, ...(changes.length === 0 ? {} : { changes }), detail: { add, remove } }
  },
})
