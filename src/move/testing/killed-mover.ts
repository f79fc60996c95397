import { writeSync } from 'node:fs'
import { entities } from '../../storage/contract/harness.ts'
import { pausable } from '../../storage/pausable.ts'
import { sqlite } from '../../storage/sqlite/engine.ts'
import { moveStorage } from '../run.ts'

/** A move in a process of its own, for tests that kill it: `node killed-mover.ts <from> <to>`. Says `step` at every step, and how it ended as one line of JSON. */
const [from = '', to = ''] = process.argv.slice(2)
const held = pausable(sqlite({ folder: from, entities }))
const target = sqlite({ folder: to, entities })
await held.storage.open()
await target.open()
try {
  const told = (): void => void writeSync(1, 'step\n')
  const moved = await moveStorage({ source: held.storage, target, entities, pause: held.pause, check: async () => {}, told })
  writeSync(1, `${JSON.stringify(moved)}\n`)
} finally {
  await target.close()
  await held.storage.close()
}
