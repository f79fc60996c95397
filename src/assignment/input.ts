import { z } from 'zod'

/** Lower-case with hyphens, as this surface writes them. */
export const uuid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'must be a UUID')

/** Who asks for whom, where a caller may say so. */
export const asked = { organizationId: uuid.nullable().default(null), actorId: uuid.nullable().default(null) }

/** An integer, or a string of digits. */
export const whole = (least: number, most: number) =>
  z.preprocess(
    (given) => (typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : given),
    z.int('must be a whole number').min(least, `must be at least ${least}`).max(most, `must be at most ${most}`),
  )
