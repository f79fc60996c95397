import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { walkChain } from '../src/audit/chain.ts'
import { folderTarget } from '../src/backup/folder/target.ts'
import { backupKeysOf } from '../src/backup/keys.ts'
import { createShipper } from '../src/backup/ship.ts'
import { inThread, type WorkshopConfig } from '../src/backup-worker.ts'
import { createEngine } from '../src/engine.ts'
import { entities } from '../src/entities.ts'
import { create, insert } from '../src/kernel/change.ts'
import { createClock, toTime } from '../src/kernel/clock.ts'
import { idSource } from '../src/kernel/id.ts'
import { createSealer } from '../src/kernel/seal.ts'
import { openKeyRing } from '../src/session/key-ring.ts'
import type { Meta, Storage } from '../src/storage/port.ts'
import { Credential, newCredential, newStatus, User } from '../src/user/entity.ts'

/**
 * What backups cost: `tools/run --dev bench/backup.ts <users> [<seconds>]` makes a SQLite with so many users and their credentials, and prints how long a snapshot and its proof take and how much memory, the
 * longest commit beside a snapshot and without one, and commits a second of 64 callers with shipping and without it, in turns of so many seconds (seven with it, each against the two beside it), and how long the log of them takes to verify.
 */
const [users = 100_000, turnSeconds = 5] = process.argv.slice(2).map(Number)
const rounds = 7
const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-backup-'))
const masterKey = randomBytes(32)
const target = join(folder, 'backups')
const { newId } = idSource()
const clock = createClock(null)
const now = toTime(clock.realMs())
const meta: Meta = { actor: { id: null, kind: 'system', name: 'bench' }, action: 'user.create', entity: null, requestId: null, time: now }
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const log = { info() {}, warn() {}, error: (fields: object, text: string) => say(`${text} ${JSON.stringify(fields)}`) }

function aPerson(number: number) {
  const id = newId()
  const username = `user.${number}`
  const fields = { number, username, email: `${username}@example.org`, fullName: `User ${number}`, role: 'member' as const }
  const passwordHash = `$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$${'A'.repeat(43)}`
  const user = create(User, id, { ...fields, managerId: null, isActive: true, legacyId: null, ...newStatus }, now)
  return { user, credential: newCredential(id, { passwordHash, mustChangePassword: false, now }) }
}

async function fill(storage: Storage, tenantId: string): Promise<void> {
  const transfer = storage.transfer()
  await transfer.begin()
  for (let start = 0; start < users; start += 1_000) {
    const people = Array.from({ length: Math.min(1_000, users - start) }, (_, n) => aPerson(start + n + 1))
    await transfer.load({ type: User, rows: people.map(({ user }) => ({ tenantId, row: user })) })
    await transfer.load({ type: Credential, rows: people.map(({ credential }) => ({ tenantId, row: credential })) })
  }
  await transfer.load({ sequences: [{ tenantId, sequence: 'user', value: users }] })
  await transfer.finish()
}

/** Commits until it is told to end; the longest one in milliseconds. */
async function longestCommit(storage: Storage, tenantId: string, work: () => Promise<unknown>): Promise<number> {
  const store = storage.tenant(tenantId)
  let isOver = false
  const done = work().finally(() => {
    isOver = true
  })
  let longest = 0
  while (!isOver) {
    const startMs = performance.now()
    await store.commit([], meta)
    longest = Math.max(longest, performance.now() - startMs)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await done
  return Math.round(longest)
}

/** Processor time, of all threads, tells what the rest of the machine does not blur. */
async function commitsPerSecond(storage: Storage, tenantId: string) {
  const store = storage.tenant(tenantId)
  const endMs = performance.now() + turnSeconds * 1_000
  const cpu = process.cpuUsage()
  let commits = 0
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (performance.now() < endMs) {
        const { user, credential } = aPerson(await store.next('user'))
        await store.commit([insert(User, user), insert(Credential, credential)], meta)
        commits += 1
      }
    }),
  )
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: Math.round(commits / turnSeconds), cpuUs: Math.round((user + system) / commits) }
}

const storage = await createEngine({ storage: { engine: 'sqlite' }, dataFolder: folder, entities })
await storage.open()
try {
  const tenantId = newId()
  await fill(storage, tenantId)
  const keys = await openKeyRing({ storage, sealer: createSealer(masterKey, []), clock, ids: idSource(), isPassing: false })
  await storage.tenant(tenantId).commit([], meta)
  const backupKeys = await backupKeysOf(masterKey, [])
  const shipping = () =>
    createShipper({ storage, logKeys: keys, keys: backupKeys, clock, targets: [folderTarget(target)], mode: 'async', log })
  const workshop: WorkshopConfig = {
    storage: { engine: 'sqlite' },
    dataFolder: folder,
    masterKey,
    formerKeys: [],
    targets: [{ kind: 'folder', folder: target }],
    recipients: [],
  }
  const timed = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    globalThis.gc?.()
    const before = process.memoryUsage().rss
    let most = before
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss)
    }, 50)
    const startMs = performance.now()
    const cpu = process.cpuUsage()
    await work()
    clearInterval(watch)
    const { user, system } = process.cpuUsage(cpu)
    const mib = (bytes: number) => Math.round(bytes / 2 ** 20)
    say(
      `${name}: ${((performance.now() - startMs) / 1_000).toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of processor, ${mib(most - before)} MiB more than the ${mib(before)} before`,
    )
  }
  const about = { createdAt: now, instance: 'a'.repeat(64), holdfast: 'bench', engine: 'sqlite' }
  await timed(`snapshot of ${users} users`, () => inThread(workshop, 'takeSnapshot', { id: 'first', ...about }))
  await shipping().flush()
  let proof: unknown
  await timed('restore to the side and verification', async () => {
    proof = await inThread(workshop, 'proveSnapshot', { url: `file:${target}`, id: 'first', now })
  })
  say(`proof: ${JSON.stringify(proof)}`)
  const idle = () => new Promise((resolve) => setTimeout(resolve, turnSeconds * 1_000))
  say(`longest commit without a snapshot: ${await longestCommit(storage, tenantId, idle)} ms`)
  const taking = () => inThread(workshop, 'takeSnapshot', { id: 'second', ...about })
  say(`longest commit beside a snapshot: ${await longestCommit(storage, tenantId, taking)} ms`)
  const plain = [await commitsPerSecond(storage, tenantId)]
  const shipped: typeof plain = []
  for (let round = 0; round < rounds; round += 1) {
    const shipper = shipping()
    shipper.start()
    shipped.push(await commitsPerSecond(storage, tenantId))
    await shipper.stop()
    plain.push(await commitsPerSecond(storage, tenantId))
  }
  const told = (turns: typeof plain) => turns.map(({ perSecond, cpuUs }) => `${perSecond}/s (${cpuUs} µs of processor)`).join(', ')
  say(`commits, 64 callers, shipping off: ${told(plain)}`)
  say(`commits, 64 callers, shipping async: ${told(shipped)}`)
  // each turn against the two beside it, so that a slower minute of the machine does not look like a cost
  const ratios = shipped.map(({ perSecond }, at) => (2 * perSecond) / ((plain[at]?.perSecond ?? 0) + (plain[at + 1]?.perSecond ?? 0)))
  const sorted = ratios.toSorted((x, y) => x - y).map((ratio) => ratio.toFixed(2))
  say(`commits with shipping against without: ${sorted[Math.floor(rounds / 2)]} × (${sorted[0]} to ${sorted.at(-1)} in ${rounds} rounds)`)
  const { entries, problems } = await (async () => {
    const startMs = performance.now()
    const walk = await walkChain(storage.tenant(tenantId), tenantId, keys.logKeys())
    const seconds = (performance.now() - startMs) / 1_000
    say(`chain of ${walk.entries} entries verified in ${seconds.toFixed(1)} s: ${((seconds * 1e6) / walk.entries).toFixed(1)} s a million`)
    return walk
  })()
  if (entries === 0 || problems.length > 0) throw new Error(`the log is not whole: ${JSON.stringify(problems[0])}`)
} finally {
  await storage.close()
  rmSync(folder, { recursive: true, force: true })
}
