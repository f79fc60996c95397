import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { type Answer, command } from './command.ts'
import { connected } from './connection.ts'
import { exitCodes } from './exit-codes.ts'
import { openOutput } from './output-file.ts'
import { table } from './table.ts'
import { existing } from './users-import.ts'
import { type PublicKeys, type Verified, verifyExport } from './verify-export.ts'

type Part = { lines: string[]; last: number; sealed: string | null }
type VerifyOptions = { tenant?: string; file?: string; keys?: string }
type ExportOptions = { tenant?: string; from?: string; to?: string; out?: string }

export function addAudit(program: Command): void {
  const audit = program
    .command('audit')
    .summary('The log of everything that happened')
    .description('The log of everything that happened: who, what, when. Every entry carries the hash of the one before it.')
  addVerify(audit)
  addExport(audit)
}

function addVerify(audit: Command): void {
  const verify = command<VerifyOptions>(audit, 'verify', {
    summary: 'Check that the log is whole and unchanged',
    examples: [
      ['holdfast audit verify', 'every tenant; exit code 3 when something was changed or is missing'],
      ['holdfast audit verify --tenant acme --json', 'one tenant, each place named'],
      ['holdfast audit verify --file acme.ndjson', 'an export, with the keys of this installation'],
      ['holdfast audit verify --file acme.ndjson --keys keys.json', 'anywhere, with the keys that keys list --json wrote'],
    ],
  })
  verify.command
    .option('--tenant <id|key>', 'only this tenant (default: all of them)')
    .option('--file <file>', 'check an export instead')
    .option('--keys <file>', 'public keys for --file, as "keys list --json" writes them (default: those of this installation)')
  verify.doesAlone(async ({ options: { tenant, file, keys }, config, say }) => {
    if (keys !== undefined && file === undefined) throw usage('--keys goes with --file.')
    if (keys !== undefined) return verdict(await verifyExport(existing(file), keysIn(existing(keys))))
    return connected({ config, mayBegin: false, say }, async (run) => {
      if (file !== undefined) return verdict(await verifyExport(existing(file), await run('key.list', 'platform', {})))
      const at = tenant === undefined ? 'platform' : { tenant }
      return verdict(await run<Verified>('audit.verify', at, { everything: tenant === undefined }))
    })
  })
}

function keysIn(path: string): PublicKeys {
  try {
    const keys = JSON.parse(readFileSync(path, 'utf8')) as PublicKeys
    if (Array.isArray(keys.items) && keys.items.length > 0) return keys
  } catch {
    // told below
  }
  throw usage(`${path} does not hold public keys. Make it with: bin/holdfast keys list --json`)
}

function verdict(found: Verified): Answer {
  const { ok, streams, entries, problems } = found
  const counted = `${entries} ${entries === 1 ? 'entry' : 'entries'} in ${streams} ${streams === 1 ? 'stream' : 'streams'}`
  if (ok) return { document: found, words: `The log is whole: ${counted}.` }
  const rows = problems.map(({ stream, sequence, code, detail }) => [stream, sequence, code, detail])
  return {
    document: found,
    words: `${table(['stream', 'entry', 'problem', 'detail'], rows)}\nThe log is damaged: ${problems.length} problems in ${counted}.`,
    exitCode: exitCodes.damage,
  }
}

function addExport(audit: Command): void {
  const exporting = command<ExportOptions>(audit, 'export', {
    summary: 'Write the log of a tenant as NDJSON',
    examples: [
      ['holdfast audit export --out acme.ndjson --tenant acme', 'an entry a line, the last line is the signed head'],
      ['holdfast audit export --from 100 --to 200', 'to standard output'],
    ],
    inTenant: true,
    reads: true,
  })
  exporting.command
    .option('--from <n>', 'first entry (default: 1)')
    .option('--to <n>', 'last entry (default: the newest)')
    .option('--out <file>', 'write to this file, which must not exist (default: standard output, with or without --json)')
  exporting.does(async ({ options, run, here }) => {
    const from = sequenceOf('--from', options.from) ?? 1
    const to = sequenceOf('--to', options.to)
    if (to !== undefined && to < from) throw usage(`--to ${to} is before --from ${from}.`)
    const out = openOutput(options.out ?? null)
    try {
      let entries = 0
      for (let after = from - 1; ; ) {
        const part = await run<Part>('audit.export', here, { after, ...(to === undefined ? {} : { to }) })
        entries += part.lines.length
        await out.write([...part.lines, ...(part.sealed === null ? [] : [part.sealed])].map((line) => `${line}\n`).join(''))
        after = part.last
        if (part.sealed !== null) break
      }
      const file = await out.finish()
      if (file === null) return { document: undefined, words: '' }
      return { document: { file, entries }, words: `Wrote ${entries} entries to ${file}.` }
    } finally {
      await out.discard()
    }
  })
}

const usage = (message: string) => new AppError('invalid', 'usage', message)

function sequenceOf(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  if (/^[1-9]\d{0,14}$/.test(given)) return Number(given)
  throw usage(`${option} is ${JSON.stringify(given)}, but must be the number of an entry, from 1.`)
}
