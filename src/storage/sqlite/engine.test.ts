import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { entities, type Subject } from '../contract/harness.ts'
import { runContract } from '../contract/suite.ts'
import { sqlite } from './engine.ts'
import { sqliteView } from './view.ts'

async function open(): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
  let storage = sqlite({ folder, entities })
  await storage.open()
  return {
    storage,
    async reopen() {
      await storage.close()
      storage = sqlite({ folder, entities })
      await storage.open()
      return storage
    },
    openView: async () => sqliteView(folder, entities),
    async close() {
      await storage.close()
      rmSync(folder, { recursive: true })
    },
  }
}

runContract('sqlite', open)
