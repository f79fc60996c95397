import { z } from 'zod'
import { operation } from '../kernel/operation.ts'

const items = z.object({
  items: z.array(
    z.object({
      kid: z.string(),
      purpose: z.enum(['token', 'log']),
      publicJwk: z.record(z.string(), z.unknown()),
      createdAt: z.iso.datetime({ precision: 3 }),
      state: z.enum(['active', 'retiring']),
    }),
  ),
})

/** The keys that sign access tokens and the log: public halves, newest first. */
export const listKeys = operation({
  name: 'key.list',
  summary: 'List the signing keys',
  needs: 'key:read',
  readOnly: true,
  input: z.strictObject({}),
  output: items,
  run: async ({ services }) => ({ output: { items: [...services.keys.list()] } }),
})

/** New keys for both purposes. The former ones verify what they signed; nobody is signed out. The key ring makes the commit, because the next one is signed with the new key already. */
export const rotateKeys = operation({
  name: 'key.rotate',
  summary: 'Make new signing keys',
  needs: 'key:rotate',
  input: z.strictObject({}),
  output: items,
  async run({ services, actor: { id, kind, name }, origin }) {
    await services.keys.rotate({ actor: { id, kind, name }, requestId: origin.requestId })
    return { output: { items: [...services.keys.list()] } }
  },
})
