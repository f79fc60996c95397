import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Holdfast } from '../main.ts'
import type { Check } from './doctor-folder.ts'
import { kitFile } from './recovery-kit.ts'
import { shownError } from './shown-error.ts'

/** Snapshots are made every hour; a proven one that is older than this shows that something is wrong. */
const oldMs = 26 * 60 * 60_000

const passed = (name: string, detail: string, advice: string | null = null): Check => ({ name, ok: true, detail, advice })
const failed = (name: string, detail: string, advice: string): Check => ({ name, ok: false, detail, advice })

/** Whether what was lost could be brought back: where the backups are, how old the newest proven one is, and whether the recovery kit opens it. */
export async function backupChecks(holdfast: Holdfast): Promise<Check[]> {
  const { setup, backups, runtime } = holdfast
  if (backups === null)
    return [
      passed(
        'backups',
        'HOLDFAST_BACKUP is off: no backups are made.',
        'Name a folder on another disk, or a bucket, with HOLDFAST_BACKUP.',
      ),
    ]
  const place = placeCheck(setup.config)
  try {
    const [newest] = (await backups.service.list()).filter(({ provenAt }) => provenAt !== null)
    if (newest === undefined)
      return [
        place,
        passed(
          'backups',
          'There is no proven snapshot yet; the log alone brings everything back.',
          'Make one now: bin/holdfast backup create',
        ),
      ]
    const provenAt = String(newest.provenAt)
    const ageMs = runtime.clock.realMs() - Date.parse(provenAt)
    const age = `The newest proven snapshot is ${newest.id} in ${newest.target}, proven at ${provenAt}.`
    const fresh =
      ageMs <= oldMs
        ? passed('backups', age)
        : failed(
            'backups',
            `${age} That is ${Math.round(ageMs / 3_600_000)} hours ago.`,
            'Keep the server running and look into its log; or make one now: bin/holdfast backup create',
          )
    return [place, fresh, await kitCheck(holdfast, newest)]
  } catch (error) {
    const { message } = shownError(error)
    return [place, failed('backups', 'The backups cannot be looked at.', message)]
  }
}

function placeCheck({ backup, dataFolder }: Holdfast['setup']['config']): Check {
  const inside = (backup?.targets ?? []).filter(
    (target) => target.kind === 'folder' && !relative(dataFolder, target.folder).startsWith('..'),
  )
  const all = backup?.targets.length ?? 0
  if (inside.length < all) return passed('backup-place', 'Backups lie outside of the data folder.')
  return passed(
    'backup-place',
    'All backups lie inside of the data folder.',
    'Who loses the folder loses the backups with it: name another disk or a bucket with HOLDFAST_BACKUP.',
  )
}

/** The identity alone, as whoever has nothing but the kit would use it. */
async function kitCheck({ setup: { config }, backups }: Holdfast, newest: { id: string; target: string }): Promise<Check> {
  const isLeftBehind = existsSync(join(config.dataFolder, kitFile))
  const advice = isLeftBehind ? `Move ${join(config.dataFolder, kitFile)} to another place: it is lost with this folder.` : null
  const problem = (await backups?.service.openedByKit(newest)) ?? null
  if (problem === null) return passed('recovery-kit', `The recovery kit opens ${newest.id}.`, advice)
  return failed(
    'recovery-kit',
    `The recovery kit does not open ${newest.id}: ${problem}`,
    'Print the present kit (bin/holdfast keys recovery), and make a new backup: bin/holdfast backup create',
  )
}
