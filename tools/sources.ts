import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** One text file of the project; `path` is relative to its top, with forward slashes. */
export type Source = { path: string; text: string }

/** What a rule found. `line` counts from 1; without one the whole file is meant. */
export type Finding = { path: string; line?: number; message: string; warning?: true }

export type Rule = { name: string; check(sources: readonly Source[]): Finding[] }

const ignored = new Set(['node_modules', '.git', 'data', 'dist', 'coverage'])

/** Every text file that is or could be committed. Without git (an unpacked archive) the folders are walked. */
export function readSources(root: string): Source[] {
  const paths = existsSync(join(root, '.git')) ? tracked(root) : walk(root, '')
  return paths.flatMap((path) => {
    const file = join(root, path)
    if (!existsSync(file) || !statSync(file).isFile()) return []
    const text = readFileSync(file, 'utf8')
    return text.includes('\0') ? [] : [{ path, text }]
  })
}

function tracked(root: string): string[] {
  const listing = execFileSync('git', ['ls-files', '-coz', '--exclude-standard'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 })
  return [...new Set(listing.split('\0').filter(Boolean))]
}

function walk(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !ignored.has(entry.name))
    .flatMap((entry) => {
      const path = folder ? `${folder}/${entry.name}` : entry.name
      return entry.isDirectory() ? walk(root, path) : [path]
    })
}

export const isCode = (path: string): boolean => /\.(ts|tsx|mjs|js)$/.test(path) && !/(^|\/)generated\//.test(path)

/** Code that only tests run: it may reach everything, and nothing else may reach it. */
export const isTest = (path: string): boolean => /\.test\.tsx?$|(^|\/)(contract|testing)\//.test(path)

/** The code with its comments blanked: line numbers stay, strings stay. */
export function withoutComments(code: string): string {
  const token = /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/.*/g
  return code.replace(token, (found, string?: string) => string ?? found.replace(/[^\n]/g, ''))
}

/** Every match of `pattern` in the code itself, not in comments or quoted strings, as findings. */
export function findEach({ path, text }: Source, pattern: RegExp, message: string): Finding[] {
  const code = withoutComments(text).replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''")
  return [...code.matchAll(pattern)].map((match) => ({ path, line: lineAt(code, match.index), message }))
}

export const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length
