// Writes client/src/generated/schema.ts, the types of `/v1`, from the API description: tools/run --dev tools/client-types.ts
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OperationObject } from '../src/http/openapi-types.ts'
import { canonical, type Json, sha256 } from '../src/kernel/canonical.ts'
import { describeSurfaces } from '../src/server.ts'
import { v1 } from '../src/surfaces/v1/routes.ts'

const client = join(import.meta.dirname, '../client')
const written = join(client, 'src/generated/schema.ts')

/** What the client is made of: our own surface alone, with every refusal of a call as one. The order of routes and fields changes nothing. */
export function clientDescription(): { text: string; digest: string } {
  const { paths, ...rest } = describeSurfaces([v1])
  const refused = { description: 'Refused.', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }
  const short = Object.entries(paths).map(([path, methods]) => [path, Object.fromEntries(Object.entries(methods).map(shortened))])
  const text = canonical({ ...rest, paths: Object.fromEntries(short) } as unknown as Json)
  return { text, digest: sha256(text) }

  function shortened([method, operation]: [string, OperationObject]) {
    const good = Object.entries(operation.responses)
      .filter(([status]) => status.startsWith('2'))
      .map(([status, { headers: _, ...response }]) => [status, response])
    return [method, { ...operation, responses: { ...Object.fromEntries(good), default: refused } }]
  }
}

/** The digest of the description that the types were written from, or null. */
export const writtenFrom = (): string | null =>
  existsSync(written) ? (/description (\w{64})/.exec(readFileSync(written, 'utf8').slice(0, 400))?.[1] ?? null) : null

function run(command: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: client, encoding: 'utf8', maxBuffer: 2 ** 27 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`)
  return stdout
}

/** Any JSON is described by itself, which TypeScript refuses in an indexed type: it is `unknown` here. */
const withoutCycles = (types: string): string =>
  types.replace(/^( +"([\w-]+)": )[^\n]*components\["schemas"\]\["\2"\](?:[^;{]|\{[^}]*\})*;$/gm, '$1unknown;')

function write(): void {
  if (!existsSync(join(client, 'node_modules/openapi-typescript'))) run('npm', ['ci', '--loglevel=error'])
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-client-'))
  try {
    const { text, digest } = clientDescription()
    writeFileSync(join(folder, 'openapi.json'), text)
    const types = run(process.execPath, ['node_modules/openapi-typescript/bin/cli.js', join(folder, 'openapi.json'), '--alphabetize'])
    mkdirSync(join(written, '..'), { recursive: true })
    writeFileSync(written, `// Written by tools/client-types.ts from description ${digest}.\n${withoutCycles(types)}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) write()
