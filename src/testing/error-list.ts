import { readFileSync } from 'node:fs'

const row = /^\| ([a-z_]+) \| (\d{3}) \| (.+) \| (.+) \|$/gm

/** Every code of docs/errors.md with its status. */
export function readErrorList(): Map<string, number> {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  return new Map([...text.matchAll(row)].map(([, code = '', status]) => [code, Number(status)]))
}
