import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { csvHead, csvLine } from './audit-csv.ts'
import { type Answer, command } from './command.ts'
import { connected } from './connection.ts'
import { exitCodes } from './exit-codes.ts'
import { openOutput } from './output-file.ts'
import { table } from './table.ts'
import { existing } from './users-import.ts'
import { type PublicKeys, type Verified, verifyExport } from './verify-export.ts'

type Part = { lines: string[]; last: number; sealed: string | null }
type VerifyOptions = { tenant?: string; target?: string; file?: string; keys?: string }
type ExportOptions = { tenant?: string; from?: string; to?: string; out?: string; format?: string }

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
    .option('--target <url>', 'compare with the heads in this backup target alone (default: in every one)')
    .option('--file <file>', 'check an export instead')
    .option('--keys <file>', 'public keys for --file, as "keys list --json" writes them (default: those of this installation)')
  verify.doesAlone(async ({ options: { tenant, target, file, keys }, config, say }) => {
    if (keys !== undefined && file === undefined) throw usage('--keys goes with --file.')
    if (target !== undefined && file !== undefined)
      throw usage('--target is not for --file: bin/holdfast-verify.mjs compares an export with heads.')
    if (keys !== undefined) return verdict(await verifyExport(existing(file), keysIn(existing(keys))))
    return connected({ config, mayBegin: false, say }, async (run) => {
      if (file !== undefined) return verdict(await verifyExport(existing(file), await run('key.list', 'platform', {})))
      const at = tenant === undefined ? 'platform' : { tenant }
      return verdict(
        await run<Verified>('audit.verify', at, { everything: tenant === undefined, ...(target === undefined ? {} : { target }) }),
      )
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
    summary: 'Write the log of a tenant as NDJSON or CSV',
    examples: [
      ['holdfast audit export --out acme.ndjson --tenant acme', 'an entry a line, the last line is the signed head'],
      ['holdfast audit export --from 100 --to 200', 'to standard output'],
      ['holdfast audit export --format csv --out acme.csv', 'for a spreadsheet; only NDJSON can be verified'],
    ],
    inTenant: true,
    reads: true,
  })
  exporting.command
    .option('--from <n>', 'first entry (default: 1)')
    .option('--to <n>', 'last entry (default: the newest)')
    .option('--out <file>', 'write to this file, which must not exist (default: standard output, with or without --json)')
    .option('--format <ndjson|csv>', 'NDJSON can be verified, CSV opened in a spreadsheet (default: ndjson)')
  exporting.does(async ({ options, run, here, say }) => {
    const from = sequenceOf('--from', options.from) ?? 1
    const to = sequenceOf('--to', options.to)
    if (to !== undefined && to < from) throw usage(`--to ${to} is before --from ${from}.`)
    const format = options.format ?? 'ndjson'
    if (format !== 'ndjson' && format !== 'csv') throw usage(`--format is ${JSON.stringify(format)}, but must be ndjson or csv.`)
    const isCsv = format === 'csv'
    const digest = createHash('sha256')
    const out = openOutput(options.out ?? null)
    async function write(text: string): Promise<void> {
      digest.update(text)
      await out.write(text)
    }
    try {
      let entries = 0
      if (isCsv) await write(csvHead)
      for (let after = from - 1; ; ) {
        const part = await run<Part>('audit.export', here, { after, ...(to === undefined ? {} : { to }) })
        entries += part.lines.length
        const lines = isCsv ? part.lines.map(csvLine) : [...part.lines, ...(part.sealed === null ? [] : [part.sealed])]
        await write(lines.map((line) => `${line}${isCsv ? '\r\n' : '\n'}`).join(''))
        after = part.last
        if (part.sealed !== null) break
      }
      const file = await out.finish()
      const sha256 = digest.digest('hex')
      if (file !== null) return { document: { file, entries, sha256 }, words: `Wrote ${entries} entries to ${file} (SHA-256 ${sha256}).` }
      say(`${entries} entries, SHA-256 ${sha256}`)
      return { document: undefined, words: '' }
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
