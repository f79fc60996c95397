import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

type Extra = {
  name: string
  present(): boolean
  /** The folder whose tests use it; until it exists nothing is left out. */
  usedBy: string
  leavesOut: string
  /** With CI=true its absence fails the run. */
  requiredInCi: boolean
}

const runs = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** What npm cannot install. Everything else comes with the lock file. */
const extras: readonly Extra[] = [
  {
    name: 'Java',
    present: () => runs('java', '-version'),
    usedBy: 'src/storage/dynamodb',
    leavesOut: 'the storage contract on DynamoDB',
    requiredInCi: true,
  },
  {
    name: 'Chromium',
    present: () => ['chromium', 'chromium-browser', 'google-chrome'].some((browser) => runs(browser, '--version')),
    usedBy: 'console',
    leavesOut: 'the console in a real browser',
    requiredInCi: true,
  },
  { name: 'strace', present: () => runs('strace', '-V'), usedBy: 'chaos', leavesOut: 'faults at every system call', requiredInCi: true },
  { name: 'root', present: () => process.getuid?.() === 0, usedBy: 'chaos', leavesOut: 'power cuts', requiredInCi: false },
]

type Absence = { message: string; fails: boolean }

/** One line for each extra that is used, absent, and so leaves tests out. */
export function absentExtras(root: string, { ci, list = extras }: { ci: boolean; list?: readonly Extra[] }): Absence[] {
  return list
    .filter((extra) => existsSync(join(root, extra.usedBy)) && !extra.present())
    .map(({ name, leavesOut, requiredInCi }) => ({ message: `${name} is absent: left out is ${leavesOut}`, fails: ci && requiredInCi }))
}
