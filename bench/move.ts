import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngine } from '../src/engine.ts'
import { entities } from '../src/entities.ts'
import { create, insert } from '../src/kernel/change.ts'
import { idSource } from '../src/kernel/id.ts'
import { moveStorage } from '../src/move/run.ts'
import { generateSigningKey } from '../src/session/access-token.ts'
import { pausable } from '../src/storage/pausable.ts'
import type { Meta, Storage } from '../src/storage/port.ts'
import { parseStorage } from '../src/storage-config.ts'
import { Credential, newCredential, newStatus, User } from '../src/user/entity.ts'

/**
 * How long a move takes: `tools/run --dev bench/move.ts <users> [<storage> ...]` makes a SQLite with so many users and their credentials, moves it to the first storage, from there to the next,
 * and so on, and prints seconds, the pause, and whether all digests are the same. Without storages: to another SQLite.
 */
const [count = '100000', ...urls] = process.argv.slice(2)
const users = Number(count)
const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-move-'))
const { newId } = idSource()
const now = new Date().toISOString()
const meta: Meta = { actor: { id: null, kind: 'system', name: 'bench' }, action: 'user.import', entity: null, requestId: null, time: now }

async function opened(url: string): Promise<Storage> {
  const storage = await createEngine({ storage: parseStorage('storage', url, process.env), dataFolder: folder, entities })
  await storage.open()
  const { kid, privateKey } = generateSigningKey(new Date(now))
  await storage.setSigner({ kid, privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) })
  return storage
}

async function fill(storage: Storage): Promise<void> {
  const tenant = storage.tenant(newId())
  await storage.platform().commit([], meta)
  for (let start = 0; start < users; start += 100) {
    const number = await tenant.next('user', 100)
    const changes = Array.from({ length: Math.min(100, users - start) }, (_, n) => {
      const id = newId()
      const name = `user.${start + n}`
      const passwordHash = `$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$${'A'.repeat(43)}`
      const fields = {
        number: number + n,
        username: name,
        email: `${name}@example.org`,
        fullName: `User ${start + n}`,
        role: 'member' as const,
      }
      const user = create(User, id, { ...fields, managerId: null, isActive: true, legacyId: null, ...newStatus }, now)
      return [insert(User, user), insert(Credential, newCredential(id, { passwordHash, mustChangePassword: false, now }))]
    })
    await tenant.commit(changes.flat(), meta)
  }
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`

try {
  const made = performance.now()
  let source = await opened(`sqlite:${join(folder, 'first')}`)
  await fill(source)
  say(`${users} users made in ${seconds(made)}`)
  const digests = new Set<string>()
  for (const url of urls.length > 0 ? urls : [`sqlite:${join(folder, 'second')}`]) {
    const target = await opened(url)
    const held = pausable(source)
    const started = performance.now()
    const moved = await moveStorage({ source: held.storage, target, entities, pause: held.pause, check: async () => {}, told: () => {} })
    digests.add(JSON.stringify(moved.digests))
    say(
      `${source.engine} → ${target.engine}: ${seconds(started)}, writes held back ${moved.pausedMs} ms, ${JSON.stringify(moved.entities)}`,
    )
    await source.close()
    source = target
  }
  await source.close()
  say(digests.size === 1 ? 'every digest is the same on every engine' : 'THE DIGESTS DIFFER')
  process.exitCode = digests.size === 1 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
