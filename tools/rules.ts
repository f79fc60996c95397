import { fileSizes, focusedTests, folderNames, machineNames, typeEscapes } from './rules/house.ts'
import { importDirections } from './rules/import-directions.ts'
import { platformScope } from './rules/platform-scope.ts'
import { type Finding, readSources } from './sources.ts'

const rules = [importDirections, platformScope, fileSizes, folderNames, focusedTests, typeEscapes, machineNames]

/** The house rules that a program can see, checked over every file of the project at `root`. */
export function checkRules(root: string): Finding[] {
  const sources = readSources(root)
  return rules.flatMap((rule) => rule.check(sources))
}

export const show = ({ path, line, message, warning }: Finding): string =>
  `${warning ? 'warning' : 'error'} ${path}${line === undefined ? '' : `:${line}`} ${message}`
