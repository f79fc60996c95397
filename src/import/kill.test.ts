import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const script = fileURLToPath(new URL('./testing/run-import.ts', import.meta.url))
const users = 1500

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-kill-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

type Said = { done?: number; users?: number; rows?: number; created?: number; existing?: number; refused?: number; orphans?: number }

/** Runs the import in a process of its own. `onLine` may kill it. */
async function importing(file: string, onLine: (said: Said, child: ChildProcess) => void): Promise<NodeJS.Signals | null> {
  const child = spawn(process.execPath, [script, join(folder, 'data'), file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_, signal) => resolve(signal)))
  for await (const line of createInterface({ input: child.stdout })) onLine(JSON.parse(line) as Said, child)
  return ended
}

test('loses nobody and doubles nobody when it is killed half-way and run again', { timeout: 120_000 }, async () => {
  const file = join(folder, 'users.csv')
  // managers stand below their people, so that the order of the rows is not the order of the commits
  const rows = Array.from({ length: users }, (_, at) => `user${at},user${at}@x.org,${at % 10 === 9 ? '' : `user${at - (at % 10) + 9}`}`)
  writeFileSync(file, `username,email,manager\n${rows.join('\n')}\n`)

  let killed = 0
  for (const after of [1, 500, 900]) {
    const signal = await importing(file, ({ done }, child) => {
      if (done !== undefined && done >= after) child.kill('SIGKILL')
    })
    if (signal === 'SIGKILL') killed += 1
  }
  expect(killed).toBe(3)

  const said: Said[] = []
  expect(await importing(file, (line) => said.push(line))).toBeNull()
  const report = said.at(-1)
  expect(report).toMatchObject({ rows: users, refused: 0, users: users + 1, orphans: 0 })
  expect(report?.created).toBeGreaterThan(0)
  expect(report?.existing).toBeGreaterThan(0)
  expect((report?.created ?? 0) + (report?.existing ?? 0)).toBe(users)

  await importing(file, (line) => said.push(line))
  expect(said.at(-1)).toMatchObject({ rows: users, created: 0, existing: users, users: users + 1, orphans: 0 })
})
