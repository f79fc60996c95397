import type { Command } from 'commander'
import type { AppError } from '../kernel/errors.ts'
import { command } from './command.ts'
import { connected } from './connection.ts'
import { type Check, folderChecks } from './doctor-folder.ts'
import { exitCodes } from './exit-codes.ts'
import { shownError } from './shown-error.ts'

export function addDoctor(program: Command): void {
  command<object>(program, 'doctor', {
    summary: 'Check the installation',
    examples: [
      ['holdfast doctor', 'the data folder, the disk, the key, the database, the log; beside a running server or without one'],
      ['holdfast doctor --json', '{ok, checks: [{name, ok, detail, advice}]}; exit code 3 when a check fails'],
    ],
  }).doesAlone(async ({ config, say }) => {
    // before the store is opened, because opening mends the modes of files
    const checks: Check[] = await folderChecks(config)
    try {
      checks.push(...(await connected({ config, mayBegin: false, say }, (run) => run<Check[]>('doctor.store', 'platform', {}))))
    } catch (error) {
      checks.push(cannotOpen(shownError(error)))
    }
    const ok = checks.every((check) => check.ok)
    const words = checks.map(
      ({ name, ok: isFine, detail, advice }) =>
        `${isFine ? 'ok    ' : 'FAILED'}  ${name}: ${detail}${advice === null ? '' : `\n        → ${advice}`}`,
    )
    const failed = checks.filter((check) => !check.ok).length
    return {
      document: { ok, checks },
      words: `${words.join('\n')}\n${ok ? 'All is well.' : `${failed} of ${checks.length} checks failed.`}`,
      exitCode: ok ? exitCodes.done : exitCodes.damage,
    }
  })
}

const cannotOpen = ({ code, message }: AppError): Check => ({
  name: 'storage',
  ok: false,
  detail: `The data cannot be opened (${code}).`,
  advice: message,
})
