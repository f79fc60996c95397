import { type Finding, findEach, isCode, lineAt, type Rule, type Source } from '../sources.ts'

const aimedLines = 250
const mostLines = 400

export const fileSizes: Rule = {
  name: 'file sizes',
  check: (sources) =>
    sources
      // what a program writes is as long as it is
      .filter(({ path }) => isCode(path) && !path.includes('/generated/'))
      .flatMap(({ path, text }): Finding[] => {
        const lines = text.split('\n').length - 1
        if (lines > mostLines) return [{ path, message: `has ${lines} lines: at most ${mostLines}, so divide it` }]
        return lines > aimedLines ? [{ path, message: `has ${lines} lines: over ${aimedLines} is a smell`, warning: true }] : []
      }),
}

export const folderNames: Rule = {
  name: 'names that say nothing',
  check: (sources) =>
    sources
      .filter(({ path }) => /(^|\/)(utils?|common|helpers?|misc|shared)(\/|\.[cm]?[jt]sx?$)/.test(path))
      .map(({ path }) => ({ path, message: 'name it after its job, not utils, common, helpers, misc or shared' })),
}

export const focusedTests: Rule = {
  name: 'skipped or focused tests',
  check: (sources) =>
    sources
      .filter(({ path }) => /\.test\.tsx?$|\/contract\//.test(path))
      .flatMap((source) =>
        findEach(source, /(?<=\b(?:test|it|describe|suite)(?:\.\w+)*)\.(?:skip|only|todo)\b/g, 'leaves tests out: mend it or delete it'),
      ),
}

/** Biome refuses `any` and `!`; only the kernel may take leave of that, with the reason that a suppression must state. */
export const typeEscapes: Rule = {
  name: 'ways around the types',
  check: (sources) =>
    sources
      .filter(({ path }) => isCode(path) && !path.startsWith('src/kernel/'))
      .flatMap((source) =>
        eachIn(source, /biome[-]ignore.*(?:noExplicitAny|noNonNullAssertion)|@ts-(?:ignore|nocheck)/g, 'goes around the types'),
      ),
}

/** Texts that belong to one machine: registry hosts (a lock file must work behind any mirror) and folders of whoever wrote it. */
const machineTexts: readonly [RegExp, string][] = [
  [/\bregistry\.(npmjs|yarnpkg|npmmirror)\.\w+|"resolved": ?"https?:/g, 'names a package registry'],
  [/(?<![\w.~})/-])\/(work|home|root)\/[\w.-]/g, 'names a folder of one machine'],
]

export const machineNames: Rule = {
  name: 'names of one machine',
  check: (sources) => sources.flatMap((source) => machineTexts.flatMap(([pattern, message]) => eachIn(source, pattern, message))),
}

const eachIn = ({ path, text }: Source, pattern: RegExp, message: string): Finding[] =>
  [...text.matchAll(pattern)].map((match) => ({ path, line: lineAt(text, match.index), message: `${message}: ${match[0]}` }))
