import type { AnyEntity } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import type { EncodedChange, EncodedCommit } from '../encoded.ts'
import type { Load, Transfer } from '../port.ts'
import type { Loader } from './load.ts'
import { type Now, reading } from './store.ts'
import { storedRows, storedSequences } from './stored.ts'

const most = { items: 1_000, mark: 10_000 } as const

type Parts = {
  current: Now
  entities: readonly AnyEntity[]
  openLoader(): Loader
}

/** The port's transfer: reads on the connection of all reads, loads on one of its own (load.ts). */
export function sqliteTransfer({ current, entities, openLoader }: Parts): Transfer {
  function loading(): Loader {
    const { loader } = current()
    if (loader === null) throw new Error('There is no load: begin one')
    return loader
  }

  return {
    state: () =>
      reading(current, ({ db, isLoading }) => {
        if (isLoading) return 'loading'
        const isTouched = ['log', 'heads', 'loads'].some((table) => db.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() !== undefined)
        return isTouched ? 'ready' : 'empty'
      }),

    rows: (type, query) => reading(current, ({ from }) => storedRows(from, type, query)),
    sequences: (query) => reading(current, ({ from }) => storedSequences(from, query)),

    async begin() {
      const running = current()
      if ((await this.state()) === 'ready') throw notEmpty()
      running.loader ??= openLoader()
      const mark = running.loader.begin()
      running.isLoading = true
      return mark
    },

    async load(batch) {
      const loader = loading()
      const { onDurable } = current()
      assertSize(batch)
      loader.load(batch)
      onDurable(touched(batch, entities))
    },

    async finish() {
      const running = current()
      loading().finish()
      running.isLoading = false
      // a read of this very turn would hold up the last checkpoint, which waits for it in vain
      running.turn.end()
      running.loader?.close()
      running.loader = null
      running.numbers.forget()
    },
  }
}

function assertSize({ rows = [], removed = [], entries = [], heads = [], sequences = [], mark = '' }: Load): void {
  const items = rows.length + removed.length + entries.length + heads.length + sequences.length
  if (items > most.items) throw new Error(`A load takes at most 1,000 items at once, not ${items}`)
  if (mark.length > most.mark) throw new Error(`A mark has at most ${most.mark} characters, not ${mark.length}`)
}

/** The rows of a batch as commits that removed them: whoever remembers rows forgets these. */
function touched({ type, rows = [], removed = [] }: Load, entities: readonly AnyEntity[]): EncodedCommit[] {
  const position = entities.findIndex(({ name }) => name === type?.name)
  const changes = new Map<string, EncodedChange[]>()
  for (const { tenantId, id } of [...rows.map(({ tenantId, row }) => ({ tenantId, id: row.id })), ...removed]) {
    const ours = changes.get(tenantId)
    if (ours === undefined) changes.set(tenantId, [['remove', position, id, 0]])
    else ours.push(['remove', position, id, 0])
  }
  return [...changes].map(([tenantId, all]) => [tenantId, tenantId, '', ['', '', ''], all])
}

const notEmpty = (): AppError =>
  new AppError(
    'conflict',
    'storage_not_empty',
    'The storage holds data already, and nothing is written over it. Name an empty one: a new database, another prefix or a new folder.',
  )
