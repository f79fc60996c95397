import { readFileSync, writeSync } from 'node:fs'
import { survey } from '../destination.ts'
import { namedDestination } from '../place.ts'
import { writeBackup } from '../write-backup.ts'

/** Writes a backup file and kills its own process before the step with this number: `node killed-write.ts <file> <file with the new text> <step>`. Says every step that it took. */
const [file = '', from = '', at = ''] = process.argv.slice(2)
const text = readFileSync(from, 'utf8')
const users = (JSON.parse(text) as unknown[]).length
const destination = namedDestination(file)
let steps = 0
function step(name: string): void {
  steps += 1
  if (steps === Number(at)) process.kill(process.pid, 'SIGKILL')
  writeSync(1, `${name}\n`)
}
const backup = { text, counts: { users, admins: 1, fieldOfficers: users - 1 }, tombstones: [] }
await writeBackup(destination, await survey(destination, { force: false }), backup, { nowMs: Date.now(), prunes: true, step })
