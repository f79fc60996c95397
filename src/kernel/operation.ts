import type { z } from 'zod'
import type { Permission } from '../access/permissions.ts'
import type { Actor, TenantStore } from '../storage/port.ts'
import type { Json } from './canonical.ts'
import type { Change } from './change.ts'
import type { Context } from './context.ts'
import type { AppError } from './errors.ts'
import type { Lane } from './gate.ts'
import type { Settings } from './services.ts'

type Written = {
  /** What to write: one commit, made by the frame with the log entry and the idempotency row. Absent = nothing to write. */
  changes?: readonly Change[]
  /** What the entry is about. */
  entity?: { type: string; id: string }
  /** Facts for the log that are not rows. Never a secret. */
  detail?: { readonly [key: string]: Json }
  /** Log an entry although no row changes (a read that is audited). */
  logged?: true
  /** Another tenant's store than the context's: sign-in, creation of a tenant. */
  store?: TenantStore
  /** Who did it, where the caller only became someone by this very operation. */
  actor?: Actor
  /** The log's action when it is not the operation's name. */
  action?: string
  /** Runs when the commit is done or has failed. */
  ended?: () => void
}

export type Outcome<O> =
  | (Written & { output: O /** Runs after the commit, never before. */; after?: () => void })
  /** Refused, but something must be remembered, such as a failed attempt. The reply says nothing of this commit. */
  | (Written & { refuse: AppError })

export type Taken = readonly [code: string, message: string, field?: string]

export type Operation<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> = {
  name: string
  summary: string
  /** `public` is a visible word; `signed-in` is any principal whose own data alone is reached. */
  needs: Permission | 'public'
  input: I
  output: O
  /** Codes of refusals for unique keys (`user.username`) and counters (`counter.owners`). */
  conflicts?: Readonly<Record<string, Taken>>
  /** Unique keys (`attendance.day`) whose loss to someone else is looked at again, as a lost version is: the operation finds the other's row and says what that means. */
  rereads?: readonly string[]
  /** While the settings say so, anyone may, signed in or not, as if it were public. */
  opens?(settings: Settings): boolean
  /** Reads only: never commits, needs no idempotency. */
  readOnly?: boolean
  /** Runs even while the actor must change the password, or its tenant's licence has ended: sign-out. */
  always?: boolean
  /** Runs even while the actor must change the password: that change itself. */
  whileMustChange?: boolean
  /** Commits into another tenant's store than the one it was called in, so that its idempotency row is found through the directory. */
  elsewhere?: boolean
  /** Of requests with the same key at most `width` run at once in this process. It spares lost races; correctness rests on the guards alone. */
  serial?(context: Context, input: z.output<I>): Promise<Lane | null>
  run(context: Context, input: z.output<I>): Promise<Outcome<z.input<O>>>
}

// biome-ignore lint/suspicious/noExplicitAny: the registry holds operations of every input and output
export type AnyOperation = Operation<any, any>

/** Declares a use case as data. One without `needs` does not compile (DESIGN.md section 3, idea 1). */
export const operation = <I extends z.ZodType, O extends z.ZodType>(declared: Operation<I, O>): Operation<I, O> => declared
