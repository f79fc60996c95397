import type { EncodedChange, EncodedCommit, SqlValue } from '../encoded.ts'
import type { Told } from '../entry.ts'
import { type Answers, holderKey, keyValues, rowKey, type Wholes } from './questions.ts'
import type { Shape } from './shape.ts'

/** A guard that missed. Plain data, not an error: losing a race is no exception. */
export type Refusal = readonly [reason: 'version' | 'exists' | 'unique' | 'bound', entity: string, id: string, key: string | null]

/** A row as the group leaves it so far. `slots` are the columns that were written, by position. */
export type RowState = {
  entity: number
  id: string
  wasThere: boolean
  isThere: boolean
  version: number
  value: number
  slots: (SqlValue | undefined)[]
  isTouched: boolean
}

type Context = { shapes: readonly Shape[]; answers: Answers; wholes: Wholes }

/**
 * Runs the guards of one commit after another on what the database answered and the commits before left, and remembers what is to be written. A commit that is refused leaves nothing.
 * All of it happens while the rows are locked, so that what is decided here is what the database would decide.
 */
export function guards({ shapes, answers, wholes }: Context) {
  const states = new Map<string, RowState>()
  const holders = new Map<string, string | null>(answers.holders)
  const numbers = new Map<string, number>()

  function stateOf(entity: number, id: string): RowState {
    const key = rowKey(entity, id)
    const known = states.get(key)
    if (known !== undefined) return known
    const found = answers.rows.get(key)
    const { version, value } = found ?? { version: 0, value: 0 }
    const isThere = found !== undefined
    const state: RowState = { entity, id, wasThere: isThere, isThere, version, value, slots: [], isTouched: false }
    states.set(key, state)
    return state
  }

  /** Writes the row's keys down, or says which of them someone else holds. Keys that the row held before and that change are free from then on. */
  function takeKeys(change: EncodedChange, undo: (() => void)[]): string | null {
    const [, entity, id] = change
    const shape = shapes[entity] as Shape
    const whole = wholes.get(change) ?? null
    for (const key of shape.keys) {
      const touches = change[0] === 'insert' || (change[0] === 'update' && key.positions.some((position) => change[4].includes(position)))
      if (!touches) continue
      const values = keyValues(shape, key, change, whole)
      const wanted = values === null ? null : holderKey(entity, key, values)
      const holder = wanted === null ? undefined : holders.get(wanted)
      if (holder !== undefined && holder !== id) return key.name
      free(entity, id, key.index, undo)
      if (wanted === null) continue
      undo.push(() => void holders.delete(wanted))
      holders.set(wanted, id)
    }
    return null
  }

  /** `index` null: every key of the row. */
  function free(entity: number, id: string, index: string | null, undo: (() => void)[]): void {
    const start = index === null ? `${entity} ` : `${entity} ${index} `
    for (const [key, holder] of holders) {
      if (holder !== id || !key.startsWith(start)) continue
      holders.delete(key)
      undo.push(() => void holders.set(key, holder))
    }
  }

  function apply(change: Exclude<EncodedChange, readonly ['check', ...unknown[]]>, undo: (() => void)[]): Told | Refusal {
    const [op, entity, id] = change
    const shape = shapes[entity] as Shape
    const state = stateOf(entity, id)
    const refuse = (reason: Refusal[0], key: string | null = null): Refusal => [reason, shape.name, id, key]
    const before = { ...state, slots: [...state.slots] }
    undo.push(() => void Object.assign(state, before))
    if (op === 'insert') {
      if (state.isThere) return refuse('exists')
      const taken = takeKeys(change, undo)
      if (taken !== null) return refuse('unique', taken)
      const value = shape.counter === null ? 0 : (change[3][shape.counter.value] as number)
      Object.assign(state, { isThere: true, isTouched: true, version: change[3][shape.version] as number, value, slots: [...change[3]] })
      return shape.tell.insert(id, change[3])
    }
    if (op === 'add') {
      const [, , , by, min, max, now] = change
      if (shape.counter === null) throw new Error(`${shape.name} is no counter`)
      const value = state.value + by
      if ((min !== null && value < min) || (max !== null && value > max)) return refuse('bound')
      const version = state.isThere ? state.version + 1 : 1
      const { counter } = shape
      if (!state.isThere) for (const [position] of shape.columns.entries()) state.slots[position] = null
      if (!state.isThere) Object.assign(state.slots, { 0: id, [counter.createdAt]: now })
      Object.assign(state.slots, { [counter.value]: value, [counter.version]: version, [counter.updatedAt]: now })
      Object.assign(state, { isThere: true, isTouched: true, value, version })
      return shape.tellAdd({ id, value, version, now })
    }
    if (!state.isThere || state.version !== change[3]) return refuse('version')
    if (op === 'remove') {
      free(entity, id, null, undo)
      Object.assign(state, { isThere: false, isTouched: true, version: 0, value: 0, slots: [] })
      return shape.tell.remove(id)
    }
    const taken = takeKeys(change, undo)
    if (taken !== null) return refuse('unique', taken)
    const [, , , , positions, values] = change
    for (const [order, position] of positions.entries()) state.slots[position] = values[order] as SqlValue
    Object.assign(state, { isTouched: true, version: state.slots[shape.version] as number })
    if (shape.counter !== null && state.slots[shape.counter.value] !== undefined) state.value = state.slots[shape.counter.value] as number
    return shape.tell.update(id, positions, values)
  }

  return {
    /** What the entry tells of the commit's changes, or why it is refused. */
    run([, , , , changes]: EncodedCommit): { told: Told[]; refusal: null } | { refusal: Refusal } {
      for (const change of changes) {
        if (change[0] !== 'check') continue
        const [, entity, id, expect] = change
        const { isThere, version } = stateOf(entity, id)
        if (expect === null ? isThere : !isThere || version !== expect)
          return { refusal: [expect === null ? 'exists' : 'version', (shapes[entity] as Shape).name, id, null] }
      }
      const undo: (() => void)[] = []
      const told: Told[] = []
      for (const change of changes) {
        if (change[0] === 'check') continue
        const result = apply(change, undo)
        if (Array.isArray(result)) {
          for (const back of undo.reverse()) back()
          return { refusal: result as unknown as Refusal }
        }
        told.push(result as Told)
      }
      for (const change of changes) note(change)
      return { told, refusal: null }
    },
    /** The rows to be written, in the order in which they were first touched. */
    touched: (): RowState[] => [...states.values()].filter(({ isTouched }) => isTouched),
    /** The numbers that inserts carried above what their sequence has given out. */
    raised: (): [name: string, value: number][] => [...numbers].filter(([name, value]) => value > (answers.sequences.get(name) ?? 0)),
  }

  function note(change: EncodedChange): void {
    if (change[0] !== 'insert') return
    const shape = shapes[change[1]] as Shape
    const value = shape.sequence === null ? null : change[3][shape.sequence]
    if (typeof value === 'number') numbers.set(shape.name, Math.max(value, numbers.get(shape.name) ?? value))
  }
}

export type Guards = ReturnType<typeof guards>
