import { z } from 'zod'
import { create, insert, remove } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { Conflict } from '../storage/port.ts'
import { type Authenticated, bySession } from './authenticate.ts'
import { Ticket } from './entity.ts'
import { digestToken, randomToken } from './tokens.ts'

const lifeMs = 30_000

/** A ticket for one socket or event stream, where no header can be sent: it stands in the address, so it is good once and for half a minute. Errors: `forbidden` for API keys, which have no session. */
export const createTicket = operation({
  name: 'ticket.create',
  summary: 'Get a ticket for one socket or event stream',
  needs: 'event:read',
  input: z.strictObject({}),
  output: z.object({ ticket: z.string(), expiresAt: z.string() }),
  async run({ actor, realMs }) {
    const { sessionId, id } = actor
    if (sessionId === null || id === null) throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
    const ticket = randomToken('hft_')
    const expiresAt = toTime(realMs + lifeMs)
    const row = create(Ticket, digestToken(ticket), { userId: id, sessionId, expiresAt }, toTime(realMs))
    return { output: { ticket, expiresAt }, changes: [insert(Ticket, row)] }
  },
})

export type Redeemed = Authenticated & {
  /** Who the session stands for at that moment. Errors: `invalid_token`. */
  again(): Promise<Authenticated>
}

/** Takes a ticket: once, though two come with it at once. Errors: `invalid_token` for one that is unknown, used or expired, and where its session is over. */
export async function redeemTicket(runtime: Runtime, ticket: string): Promise<Redeemed> {
  const { storage, clock } = runtime
  const refused = () => new AppError('unauthenticated', 'invalid_token', 'The ticket is not valid any more. Get another.')
  const [found] = ticket.length > 100 ? [] : await storage.platform().lookup(Ticket, 'byId', [digestToken(ticket)], 1)
  if (found === undefined) throw refused()
  const { row, tenantId } = found
  try {
    await storage.tenant(tenantId).commit([remove(Ticket, row)], {
      actor: { id: row.userId, kind: 'user', name: row.userId },
      action: 'ticket.redeem',
      entity: { type: 'session', id: row.sessionId },
      requestId: null,
      time: toTime(clock.realMs()),
    })
  } catch (error) {
    if (error instanceof Conflict) throw refused()
    throw error
  }
  if (Date.parse(row.expiresAt) <= clock.realMs()) throw refused()
  const again = () => bySession(runtime, { tenantId, userId: row.userId, sessionId: row.sessionId })
  return { ...(await again()), again }
}
