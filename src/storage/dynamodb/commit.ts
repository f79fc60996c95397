import type { CancellationReason } from '@aws-sdk/client-dynamodb'
import { Counter } from '../../kernel/change.ts'
import type { StreamHead } from '../entry.ts'
import { Conflict, type EngineStats, type Receipt } from '../port.ts'
import type { Signing } from '../signing.ts'
import { type Chain, chained, entryBytes, isChain, isOf, type Member } from './chain.ts'
import { type Database, pause } from './db.ts'
import { contended } from './failures.ts'
import { type Item, most, type Row } from './item.ts'
import { knownOf, type Rows } from './known.ts'
import type { Log } from './log.ts'
import type { Numbers } from './numbers.ts'
import { type Encoded, type Planner, planner, type Touched } from './plan.ts'
import { stager } from './staged.ts'
import { type Forms, holderOf } from './staged-form.ts'
import { found, isTransient, transact, transactItem, type Written } from './write.ts'

export type Pending = Encoded & {
  stream: string
  time: string
  start: number
  resolve: (receipt: Receipt) => void
  reject: (error: unknown) => void
}

/** A lost race against other processes is run again so often before the caller hears of it. */
const attempts = 40
type Parts = {
  db: Database
  forms: Forms
  log: Log
  numbers: Numbers
  rows: Rows
  stats: EngineStats
  signing: () => Signing
  durability: Receipt['durability']
  onCommit: (receipt: Receipt, tenantId: string) => void
}

type Group = {
  /** The stream is new: its name, and the tenant's, are written with it. */
  isFirst: boolean
  members: Member<Pending>[]
  plan: Planner
  refused: Map<Pending, Conflict>
  rest: Pending[]
}

/** A transaction of which nobody was told whether it was done. */
type Attempt = { group: Group; chain: Chain }

/** Commits the members of one stream that wait together: in one transaction as far as they fit, and each succeeds or fails alone. Settles all of them, or returns those that are still to be done. */
export function committer({ db, forms, log, numbers, rows, stats, signing, durability, onCommit }: Parts) {
  const stage = stager(db, forms)
  const counters = db.tableOf(Counter)

  return async (stream: string, waiting: readonly Pending[]): Promise<Pending[]> => {
    let todo = [...waiting]
    let later: Pending[] = []
    const unsure: Attempt[] = []
    for (let attempt = 1; todo.length > 0; attempt += 1) {
      if (attempt > attempts) {
        for (const { reject } of todo) reject(contended())
        break
      }
      if (attempt > 1) await pause(attempt)
      try {
        const head = await log.headOf(stream, todo[0]?.tenantId ?? '')
        const isFirst = head.sequence === 0
        const group = await planned(
          todo.filter((one) => isAtHome(one, stream, head)),
          isFirst,
        )
        const wasLimit = db.limits.items
        const outcome = await write(stream, group, unsure)
        if (outcome === 'again') {
          // with fewer items a transaction, members that fit before may not now
          if (db.limits.items !== wasLimit) continue
          todo = todo.filter((one) => !isSettled.has(one))
          continue
        }
        later = group.rest.filter((one) => !isSettled.has(one))
        break
      } catch (error) {
        log.forget(stream)
        for (const one of todo) settle(one, () => one.reject(error))
        break
      }
    }
    return later
  }

  /** False for a commit of another tenant than the stream's, which is refused. */
  function isAtHome(one: Pending, stream: string, head: StreamHead): boolean {
    if (one.tenantId === head.tenant) return true
    refuse(one, new Conflict('exists', 'stream', stream))
    return false
  }

  function settle(one: Pending, how: () => void): void {
    if (isSettled.has(one)) return
    isSettled.add(one)
    how()
  }

  function refuse(one: Pending, conflict: Conflict): void {
    settle(one, () => {
      stats.conflicts += 1
      one.reject(conflict)
    })
  }

  /** As many members as fit, one behind the other. One that does not fit even alone is a group of its own. */
  async function planned(members: readonly Pending[], isFirst: boolean): Promise<Group> {
    const plan = planner(db, await knownOf(members, { db, forms, rows }), numbers)
    const group: Group = { isFirst, members: [], plan, refused: new Map(), rest: [] }
    for (const [position, pending] of members.entries()) {
      let applied: ReturnType<Planner['apply']>
      try {
        applied = plan.apply(pending)
      } catch (error) {
        settle(pending, () => pending.reject(error))
        continue
      }
      if ('conflict' in applied) {
        group.refused.set(pending, applied.conflict)
        continue
      }
      group.members.push({ pending, told: applied.told })
      const { items, bytes } = plan.size
      if (fits(items, bytes, group)) continue
      if (group.members.length > 1) {
        plan.undo()
        group.members.pop()
        group.rest = members.slice(position)
      } else group.rest = members.slice(position + 1)
      break
    }
    return group
  }

  function fits(items: number, bytes: number, { isFirst, members }: Group): boolean {
    const entries = members.reduce((sum, { told }) => sum + entryBytes(told), 0)
    return items + members.length + (isFirst ? 2 : 0) <= db.limits.items && bytes + entries <= most.transactionBytes
  }

  async function write(stream: string, group: Group, unsure: Attempt[]): Promise<'done' | 'again'> {
    const { members, plan, refused } = group
    if (members.length === 0) {
      for (const [one, conflict] of refused) refuse(one, conflict)
      return 'done'
    }
    const touched = plan.touched()
    const { items, bytes } = plan.size
    if (!fits(items, bytes, group)) return writeStaged(stream, group, touched)
    const chain = await chained(stream, members, { db, log, signing: signing() })
    const result = await transact(db, [...touched.map(transactItem), ...chain.items])
    if (result.is === 'written') return done(stream, group, chain)
    if (result.is === 'tooMany') {
      db.limits.items = result.most
      return 'again'
    }
    const logReasons = result.reasons.slice(touched.length)
    if (isChain(chain, logReasons)) return done(stream, group, chain)
    if (result.isUnsure) unsure.push({ group, chain })
    const landed = await firstLanded(stream, unsure)
    if (landed !== undefined) {
      done(stream, landed.group, landed.chain)
      return 'again'
    }
    missedLog(stream, logReasons)
    const misses = touched.flatMap((one, position) => {
      const reason = result.reasons[position]
      return reason?.Code === 'ConditionalCheckFailed' ? [{ touched: one, found: found(reason) }] : []
    })
    const others = result.reasons.filter(({ Code }) => Code !== undefined && Code !== 'None' && Code !== 'ConditionalCheckFailed')
    const odd = others.find((reason) => !isTransient(reason))
    if (odd !== undefined) throw new Error(`The transaction was cancelled: ${odd.Code} ${odd.Message ?? ''}`)
    await blame(misses)
    return 'again'
  }

  /**
   * The transaction that was done though its answer was lost. What a later one met is its work then, and not somebody else's: it shows by the first of its entries, which no other has.
   * Looked at after the later one was refused, so that one that was still at work is not missed.
   */
  async function firstLanded(stream: string, unsure: readonly Attempt[]): Promise<Attempt | undefined> {
    for (const attempt of unsure) {
      const [first] = attempt.chain.heads
      const key: Item = { stream: { S: stream }, sequence: { N: String(first?.sequence) } }
      if (isOf(attempt.chain, await db.getItem({ table: db.log, key }))) return attempt
    }
    return undefined
  }

  async function writeStaged(stream: string, group: Group, touched: readonly Touched[]): Promise<'done' | 'again'> {
    const tried: Attempt[] = []
    const entries = async () => {
      const chain = await chained(stream, group.members, { db, log, signing: signing() })
      tried.push({ group, chain })
      return chain.items
    }
    let tries = 0
    const isOver = async (result: Written): Promise<boolean> => {
      if (result.is !== 'cancelled') return true
      if (result.reasons[0]?.Code === 'ConditionalCheckFailed') return true
      missedLog(stream, result.reasons.slice(1))
      tries += 1
      await pause(tries)
      return tries >= attempts
    }
    const result = await stage.commit(touched, entries, isOver)
    const landed = result.is === 'written' ? tried.at(-1) : await firstLanded(stream, tried)
    if (landed !== undefined) return done(stream, group, landed.chain)
    if (result.is === 'missed') await blame(result.missed)
    return 'again'
  }

  /** Another process appended to the stream. */
  function missedLog(stream: string, reasons: readonly CancellationReason[]): void {
    if (reasons.some(({ Code }) => Code === 'ConditionalCheckFailed')) log.forget(stream)
  }

  /** Who is refused, and who only met what is old or held by a commit that is not settled. */
  async function blame(misses: readonly { touched: Touched; found: Item | null }[]): Promise<void> {
    for (const { touched, found: item } of misses) {
      if (item !== null && holderOf(item) !== null) {
        await stage.help(touched.place, item)
        continue
      }
      if (touched.guard.is === 'below') learnMissed(touched, touched.guard.value, item)
      else if (touched.place.table === counters) rows.missedCounter(touched.place)
      if (touched.blame !== null) refuse(touched.blame.member as Pending, touched.blame.conflict)
    }
  }

  /** What the sequence stands at is more than was known of it. */
  function learnMissed({ place, blame }: Touched, below: number, item: Item | null): void {
    const [sk, value] = [place.key.sk?.S ?? '', Number(item?.value?.N ?? 0)]
    blame === null ? numbers.learn(sk, value) : numbers.missed(sk, below, value)
  }

  function done(stream: string, { members, refused, plan }: Group, { heads }: Chain): 'done' {
    const now = performance.now()
    log.know(stream, heads.at(-1) as StreamHead)
    stats.groups += 1
    stats.fsyncs += 1
    stats.largestGroup = Math.max(stats.largestGroup, members.length)
    for (const { place, guard, becomes } of plan.touched()) {
      if (guard.is === 'below') numbers.written(place.key.sk?.S ?? '', guard.value, Number(becomes?.value?.N ?? 0))
      else if (becomes && place.table === counters) rows.keepCounter(place, becomes)
    }
    for (const [position, { pending }] of members.entries()) {
      const { sequence, hash } = heads[position] as StreamHead
      for (const change of pending.changes)
        if (change.op === 'insert' || change.op === 'update') rows.keep(change.entity, pending.tenantId, change.row as unknown as Row)
      stats.commits += 1
      stats.commitSeconds += (now - pending.start) / 1000
      const receipt: Receipt = { stream, sequence, time: pending.time, hash, durability }
      settle(pending, () => pending.resolve(receipt))
      onCommit(receipt, pending.tenantId)
    }
    for (const [one, conflict] of refused) refuse(one, conflict)
    return 'done'
  }
}

const isSettled = new WeakSet<Pending>()
