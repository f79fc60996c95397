import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { Change } from '../../kernel/change.ts'
import type { AnyEntity } from '../../kernel/entity.ts'
import type { EncodedCommit } from '../encoded.ts'
import { type Told, tellAdd, teller } from '../entry.ts'
import { Conflict } from '../port.ts'
import { type Database, type Place, placeId } from './db.ts'
import { heldBy, type Item, itemOf, keyOf, type Row, rowOf, sizeOf } from './item.ts'
import { hasKeys, type KeyItem, keyItemsOf, movesKeys, sequencePlace } from './keys.ts'
import type { Numbers } from './numbers.ts'

/** A commit made ready: `encoded` for its entry, `changes` for its items. */
export type Encoded = { tenantId: string; changes: readonly Change[]; encoded: EncodedCommit }

/** What has to be true of an item for the group to be written. */
type Guard =
  | { is: 'absent' }
  | { is: 'version'; version: number }
  /** A key item that leads to this row. */
  | { is: 'held'; id: string }
  /** A sequence that has not reached this number. */
  | { is: 'below'; value: number }

/** A sequence as a group leaves it: at `value`, from below `below`. `blame` is whose number was foreseen. */
type Raised = { tenantId: string; name: string; value: number; below: number; blame: Touched['blame'] }

/** One item that a group touches: what was expected of it before, and what it becomes. `undefined` is no change. */
export type Touched = {
  place: Place
  guard: Guard
  /** Who is refused when the guard misses, and with what; null = what was known of it was old. */
  blame: { member: Encoded; conflict: Conflict } | null
  becomes: Item | null | undefined
}

/** What is known of items before the group: counters, and rows whose keys move. */
export type Known = { item(place: Place): Item | null; row(type: AnyEntity, tenantId: string, id: string, version: number): Row | null }

export type Applied = { told: Told[] } | { conflict: Conflict }

/** The effect of commits one after the other, none of them written yet: each sees those before it, and a refused one leaves nothing. */
export function planner(db: Database, known: Known, numbers: Pick<Numbers, 'value' | 'isForeseen'>) {
  const touched = new Map<string, Touched>()
  const sequences = new Map<string, Raised>()
  let undo: (() => void)[] = []

  function set(id: string, next: Touched): void {
    const before = touched.get(id)
    undo.push(() => (before === undefined ? touched.delete(id) : touched.set(id, before)))
    touched.set(id, next)
  }

  /** Moves an item on, from what the group made of it or from what the guard expects in the store. */
  function move(
    place: Place,
    to: { guard: Guard; blame: Touched['blame']; becomes: Item | null | undefined },
    isMet: (item: Item | null) => boolean,
  ): void {
    const id = placeId(place)
    const before = touched.get(id)
    if (before === undefined) {
      set(id, { place, ...to })
      return
    }
    const now = before.becomes
    const isFree = now === undefined ? JSON.stringify(before.guard) === JSON.stringify(to.guard) : isMet(now)
    if (!isFree) throw to.blame?.conflict ?? new Error('A counter moved twice')
    if (to.becomes !== undefined) set(id, { ...before, becomes: to.becomes })
  }

  function moveRow(
    member: Encoded,
    place: Place,
    { expect, becomes, conflict }: { expect: number | null; becomes: Item | null | undefined; conflict: Conflict },
  ): void {
    const guard: Guard = expect === null ? { is: 'absent' } : { is: 'version', version: expect }
    move(place, { guard, blame: { member, conflict }, becomes }, (item) => (item === null ? null : Number(item.version?.N)) === expect)
  }

  const keyPlace = ({ pk, sk }: KeyItem): Place => ({ table: db.keys, key: { pk: { S: pk }, sk: { S: sk } } })

  function take(member: Encoded, type: AnyEntity, id: string, key: KeyItem): void {
    const conflict = new Conflict('unique', type.name, id, key.key)
    move(keyPlace(key), { guard: { is: 'absent' }, blame: { member, conflict }, becomes: key.item }, (item) => item === null)
  }

  function free(member: Encoded, type: AnyEntity, id: string, key: KeyItem): void {
    const conflict = new Conflict('version', type.name, id)
    move(keyPlace(key), { guard: { is: 'held', id }, blame: { member, conflict }, becomes: null }, (item) => item?.id?.S === id)
  }

  /** Keys that stay are left alone, unless what stands with them changes. */
  function exchange(member: Encoded, type: AnyEntity, before: Row, after: Row): void {
    const { tenantId } = member
    const { id } = after
    const nameOf = ({ pk, sk }: KeyItem) => `${pk}\n${sk}`
    const next = new Map(keyItemsOf(type, tenantId, after).map((key) => [nameOf(key), key]))
    const old = new Map(keyItemsOf(type, tenantId, before).map((key) => [nameOf(key), key]))
    for (const [name, key] of old) if (!next.has(name)) free(member, type, id, key)
    for (const [name, key] of next) {
      const same = old.get(name)
      if (same === undefined) take(member, type, id, key)
      else if (same.item.ttl?.N !== key.item.ttl?.N)
        move(
          keyPlace(key),
          { guard: { is: 'held', id }, blame: { member, conflict: new Conflict('version', type.name, id) }, becomes: key.item },
          (item) => item?.id?.S === id,
        )
    }
  }

  function rowBefore(tenantId: string, type: AnyEntity, id: string, expect: number): Row {
    const table = db.tableOf(type)
    const mine = touched.get(placeId({ table, key: keyOf(table, tenantId, id) }))
    const item = mine?.becomes
    const row = item === undefined ? known.row(type, tenantId, id, expect) : item === null ? null : rowOf(table, tenantId, item)
    if (row?.version !== expect) throw new Conflict('version', type.name, id)
    return row
  }

  function raise(member: Encoded, type: AnyEntity, row: Row): void {
    const { tenantId } = member
    const { name } = type
    const value = type.sequence === null ? null : row[type.sequence]
    if (typeof value !== 'number') return
    const isForeseen = numbers.isForeseen(tenantId, name, value)
    if (!isForeseen && value <= numbers.value(tenantId, name)) return
    const id = `${tenantId}\n${name}`
    const before = sequences.get(id)
    const isFirst = isForeseen && (before === undefined || before.blame === null || value < before.below)
    if (!isFirst && before !== undefined && before.value >= value) return
    undo.push(() => (before === undefined ? sequences.delete(id) : sequences.set(id, before)))
    const highest = Math.max(value, before?.value ?? value)
    const blame = isFirst ? { member, conflict: new Conflict('version', name, row.id) } : (before?.blame ?? null)
    sequences.set(id, {
      tenantId,
      name,
      value: highest,
      below: isFirst ? value : blame === null ? highest : (before?.below ?? highest),
      blame,
    })
  }

  function apply(member: Encoded, tenantId: string, change: Change): Told | null {
    const { entity: type } = change
    const table = db.tableOf(type)
    const id = 'row' in change ? change.row.id : change.id
    const place = { table, key: keyOf(table, tenantId, id) }
    switch (change.op) {
      case 'check':
        moveRow(member, place, {
          expect: change.expect,
          becomes: undefined,
          conflict: new Conflict(change.expect === null ? 'exists' : 'version', type.name, id),
        })
        return null
      case 'insert': {
        const row = change.row as unknown as Row
        moveRow(member, place, { expect: null, becomes: itemOf(table, tenantId, row), conflict: new Conflict('exists', type.name, id) })
        for (const key of keyItemsOf(type, tenantId, row)) take(member, type, id, key)
        raise(member, type, row)
        return null
      }
      case 'update': {
        const row = change.row as unknown as Row
        const before = movesKeys(type, change.fields) ? rowBefore(tenantId, type, id, change.expect) : null
        moveRow(member, place, {
          expect: change.expect,
          becomes: itemOf(table, tenantId, row),
          conflict: new Conflict('version', type.name, id),
        })
        if (before !== null) exchange(member, type, before, row)
        return null
      }
      case 'remove': {
        const before = hasKeys(type) ? rowBefore(tenantId, type, id, change.expect) : null
        moveRow(member, place, { expect: change.expect, becomes: null, conflict: new Conflict('version', type.name, id) })
        if (before !== null) for (const key of keyItemsOf(type, tenantId, before)) free(member, type, id, key)
        return null
      }
      case 'add': {
        const mine = touched.get(placeId(place))
        const item = mine?.becomes === undefined ? known.item(place) : mine.becomes
        const before = item === null ? null : rowOf(table, tenantId, item)
        const value = Number(before?.value ?? 0) + change.by
        if ((change.min !== null && value < change.min) || (change.max !== null && value > change.max))
          throw new Conflict('bound', type.name, id)
        const version = (before?.version ?? 0) + 1
        const row = { id, value, version, createdAt: before?.createdAt ?? change.now, updatedAt: change.now }
        const guard: Guard = before === null ? { is: 'absent' } : { is: 'version', version: before.version }
        move(place, { guard, blame: null, becomes: itemOf(table, tenantId, row) }, () => true)
        return tellAdd(type, { id, value, version, now: change.now })
      }
    }
  }

  return {
    /** Applies a commit behind those before it, or nothing of it. Checks go first: they only look. */
    apply(member: Encoded): Applied {
      const { tenantId, changes, encoded } = member
      undo = []
      const tellers = new Map<string, ReturnType<typeof teller>>()
      const told: Told[] = []
      try {
        for (const change of changes) if (change.op === 'check') apply(member, tenantId, change)
        for (const [position, change] of changes.entries()) {
          if (change.op === 'check') continue
          const { entity: type } = change
          const added = apply(member, tenantId, change)
          const tell = tellers.get(type.name) ?? teller({ name: type.name, columns: type.columns, secret: [...type.secret] })
          tellers.set(type.name, tell)
          const wired = encoded[4][position]
          if (added !== null) told.push(added)
          else if (wired?.[0] === 'insert') told.push(tell.insert(wired[2], wired[3]))
          else if (wired?.[0] === 'update') told.push(tell.update(wired[2], wired[4], wired[5]))
          else if (wired?.[0] === 'remove') told.push(tell.remove(wired[2]))
        }
        return { told }
      } catch (error) {
        this.undo()
        if (error instanceof Conflict) return { conflict: error }
        throw error
      }
    },
    /** Takes the last commit back. */
    undo(): void {
      for (const back of undo.toReversed()) back()
      undo = []
    },
    /** How many items, and bytes at most, the group writes so far. */
    get size(): { items: number; bytes: number } {
      let bytes = 0
      for (const { becomes } of touched.values()) bytes += becomes ? sizeOf(becomes) + 200 : 300
      return { items: touched.size + sequences.size, bytes }
    },
    touched(): Touched[] {
      const raised = [...sequences.values()].map(({ tenantId, name, value, below, blame }): Touched => {
        const { pk, sk } = sequencePlace(tenantId, name)
        const key: Item = { pk: { S: pk }, sk: { S: sk } }
        return {
          place: { table: db.keys, key },
          guard: { is: 'below', value: below },
          blame,
          becomes: { ...key, value: { N: String(value) } },
        }
      })
      // an item that was made and removed again within the group was never there
      const all = [...touched.values(), ...raised]
      return all.map((one) => (one.guard.is === 'absent' && one.becomes === null ? { ...one, becomes: undefined } : one))
    },
  }
}

export type Planner = ReturnType<typeof planner>

export type Condition = {
  ConditionExpression: string
  ExpressionAttributeNames: Record<string, string>
  ExpressionAttributeValues?: Record<string, AttributeValue>
}

/** A guard as DynamoDB checks it. What a staged commit holds misses every guard, until that one is settled. */
export function conditionOf({ place, guard }: Pick<Touched, 'place' | 'guard'>): Condition {
  const hash = place.table.hash.attribute
  switch (guard.is) {
    case 'absent':
      return { ConditionExpression: 'attribute_not_exists(#h)', ExpressionAttributeNames: { '#h': hash } }
    case 'version':
      return {
        ConditionExpression: '#v = :v AND attribute_not_exists(#c)',
        ExpressionAttributeNames: { '#v': 'version', '#c': heldBy },
        ExpressionAttributeValues: { ':v': { N: String(guard.version) } },
      }
    case 'held':
      return {
        ConditionExpression: '#i = :i AND attribute_not_exists(#c)',
        ExpressionAttributeNames: { '#i': 'id', '#c': heldBy },
        ExpressionAttributeValues: { ':i': { S: guard.id } },
      }
    case 'below':
      return {
        ConditionExpression: '(attribute_not_exists(#n) OR #n < :n) AND attribute_not_exists(#c)',
        ExpressionAttributeNames: { '#n': 'value', '#c': heldBy },
        ExpressionAttributeValues: { ':n': { N: String(guard.value) } },
      }
  }
}
