import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type ErrorKind, statusOf } from '../kernel/errors.ts'
import { operations } from '../operations.ts'
import { readErrorList } from '../testing/error-list.ts'

const listed = readErrorList()
const source = join(import.meta.dirname, '..')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !/\.test\.ts$|(^|\/)(testing|contract)\//.test(path))
  .map((path) => ({ path, text: readFileSync(join(source, path), 'utf8') }))

type Thrown = { code: string; kind: string; path: string }

/** `new AppError('kind', 'code'`. */
const direct = (): Thrown[] =>
  files.flatMap(({ path, text }) =>
    [...text.matchAll(/new AppError\(\s*'(\w+)',\s*'(\w+)'/g)].map(([, kind = '', code = '']) => ({ kind, code, path })),
  )

/** Functions that take the code and throw it: `const fieldError = (code, field, message) => new AppError('kind', code, …`. */
function throughHelpers(): Thrown[] {
  const declared =
    /(?:const|function) (\w+)\s*=?\s*\(([^()]*\bcode\b[^()]*)\)[^;{}]*?(?:\{\s*(?:return|throw)\s*)?new AppError\(\s*'(\w+)',\s*code\b/g
  return files.flatMap(({ text }) =>
    [...text.matchAll(declared)].flatMap(([, helper = '', parameters = '', kind = '']) => {
      const place = parameters.split(',').findIndex((parameter) => /^\s*code\b/.test(parameter))
      const byDefault = /\bcode = '(\w+)'/.exec(parameters)?.[1]
      const called = files.flatMap(({ path, text: caller }) =>
        [...caller.matchAll(new RegExp(`\\b${helper}\\(`, 'g'))].flatMap(({ index }) => {
          const code = /^'([a-z_]+)'$/.exec(argumentsAt(caller, index + helper.length + 1)[place] ?? '')?.[1]
          return code === undefined ? [] : [{ code, kind, path }]
        }),
      )
      return byDefault === undefined ? called : [...called, { code: byDefault, kind, path: helper }]
    }),
  )
}

/** The arguments of a call whose bracket opens just before `start`. */
function argumentsAt(text: string, start: number): string[] {
  const found = ['']
  for (let at = start, depth = 0; at < text.length; at++) {
    const sign = text[at] ?? ''
    if (depth === 0 && sign === ')') break
    if ('([{'.includes(sign)) depth += 1
    if (')]}'.includes(sign)) depth -= 1
    if (depth === 0 && sign === ',') found.push('')
    else found[found.length - 1] += sign
  }
  return found.map((argument) => argument.trim())
}

/** Limits carry the code that they refuse with. */
const ofLimits = (): Thrown[] =>
  files.flatMap(({ path, text }) =>
    [...text.matchAll(/\bmost: [\w.]+, code: '(\w+)'/g)].map(([, code = '']) => ({ code, kind: 'limited', path })),
  )

const thrown = [...direct(), ...throughHelpers(), ...ofLimits()]
const taken = operations.flatMap(({ conflicts }) => Object.values(conflicts ?? {}).map(([code]) => code))

test('every code that is thrown is explained, with the status of its kind', () => {
  const missing = thrown.filter(({ code }) => !listed.has(code)).map(({ code, path }) => `${code} (${path})`)
  expect([...new Set(missing)]).toEqual([])
  for (const { code, kind, path } of thrown) expect(listed.get(code), `${code} in ${path}`).toBe(statusOf[kind as ErrorKind])
})

test('every refusal of a key or counter is explained, as a conflict', () => {
  for (const code of taken) expect(listed.get(code), code).toBe(409)
})

test('every code that is explained can happen', () => {
  const known = new Set([...thrown.map(({ code }) => code), ...taken])
  const isWritten = (code: string) =>
    files.some(({ path, text }) => /^http\/fail\.ts$|^surfaces\/.*problem\.ts$/.test(path) && text.includes(`code: '${code}'`))
  const dead = [...listed.keys()].filter((code) => !known.has(code) && !isWritten(code))
  expect(dead).toEqual([])
})

test('a code stands in the list once', () => {
  const rows = readFileSync(join(source, '../docs/errors.md'), 'utf8').match(/^\| [a-z_]+ \| \d{3} /gm) ?? []
  expect(rows).toHaveLength(listed.size)
})

test('what a comment promises as an error is explained too', () => {
  const promised = files.flatMap(({ path, text }) =>
    [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap(([comment]) =>
      [...comment.matchAll(/Errors: [\s\S]*?(?=\. [A-Z]|\*\/)/g)].flatMap(([errors]) =>
        [...errors.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(([, code = '']) => ({ code, path })),
      ),
    ),
  )
  expect(promised.length).toBeGreaterThan(100)
  expect(promised.filter(({ code }) => !listed.has(code))).toEqual([])
})
