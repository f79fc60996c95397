import type { Context } from '../kernel/context.ts'

export type Whence = { network: string | null; userAgent: string | null }

/** Where a sign-in comes from, as its session or the log keeps it: the network, and what the client calls itself in at most 512 characters. */
export const whence = ({ origin: { network, userAgent } }: Pick<Context, 'origin'>): Whence => ({
  network,
  userAgent: userAgent?.slice(0, 512) ?? null,
})
