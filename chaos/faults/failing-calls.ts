import { checkIntegrity } from '../checker.ts'
import { plainFolder } from '../disks.ts'
import { countStart, type Outcome } from '../report.ts'
import { type Server, type ServerOptions, startServer } from '../server-process.ts'
import { attach, writeCalls } from '../strace.ts'
import { type Acted, onStage, signUp } from './scenarios.ts'

/** Far more than an act has. */
const mostSteps = 200
/** How long the disk is made to take, and how early a reply may come by the clock's coarseness. */
const [delayMs, earlyMs] = [400, 5]

/** Every call that a sign-up makes fails once, as a bad or a full disk makes it fail: nothing is acknowledged that is not there, and the server goes on. */
export async function runFailingCalls(outcome: Outcome, { every, plant }: { every: number; plant: string | null }): Promise<void> {
  const disk = plainFolder()
  const options = { folder: disk.folder, plant }
  let server: Server | null = null
  try {
    server = await startServer(options)
    outcome.problems.push(...(await waitsForDisk(server, options)))
    for (const error of ['EIO', 'ENOSPC'] as const) {
      const refused: string[] = []
      for (const call of writeCalls.split(',')) {
        for (let step = 1; step < mostSteps; step += every) {
          const mark = `${error}-${call}-${step}`.toLowerCase()
          const struck: Struck = await failAt({ server, options, mark }, { error, call, step })
          if (struck.acted.result === 'done') break
          outcome.cycles += 1
          refused.push(`${call} ${step}: ${struck.acted.status}`)
          outcome.problems.push(...struck.problems.map((problem) => `${mark}: ${problem}`))
          server = await endAndJudge(outcome, { server, options, mark }, struck.acted)
        }
      }
      outcome.notes.push(`${error} at one call, and the reply: ${refused.join(', ')}`)
    }
  } finally {
    await server?.kill()
    disk.close()
  }
}

type Part = { server: Server; options: ServerOptions; mark: string }

/** No reply before the disk has said that it has the bytes. */
function waitsForDisk(server: Server, options: ServerOptions): Promise<string[]> {
  return onStage(server, options, async (stage) => {
    const tracer = await attach(server.pid, { calls: 'fsync,fdatasync', effect: `delay_enter=${delayMs * 1000}` })
    const startedMs = performance.now()
    const acted = await signUp.act(stage, 'slow-disk')
    const ms = performance.now() - startedMs
    await tracer.detach()
    if (acted.result !== 'done') return [`a sign-up on a slow disk was answered ${acted.status}`]
    return ms >= delayMs - earlyMs ? [] : [`acknowledged after ${Math.round(ms)} ms, though the disk needs ${delayMs} ms to have it`]
  })
}

type Struck = { acted: Acted; problems: string[] }

type Failing = { error: string; call: string; step: number }

function failAt({ server, options, mark }: Part, { error, call, step }: Failing): Promise<Struck> {
  return onStage(server, options, async (stage) => {
    const tracer = await attach(server.pid, { calls: call, effect: `error=${error}`, when: step })
    const acted = { ...(await signUp.act(stage, mark)), prepared: '' }
    await tracer.detach()
    if (acted.result === 'done') return { acted, problems: [] }
    const problems: string[] = []
    if (acted.status !== 503 && acted.status !== 507) problems.push(`a failing call was answered ${acted.status}`)
    const state = await signUp.state(stage, mark, acted)
    if (state !== 'before') problems.push(`it was refused with ${acted.status}, and the server shows it: ${state}`)
    return { acted, problems }
  })
}

/** Dies at once or, every other time, after one more write; starts, and is asked what became of the refused one. */
async function endAndJudge(outcome: Outcome, { server, options, mark }: Part, acted: Acted): Promise<Server> {
  const told = (problems: readonly string[]) => outcome.problems.push(...problems.map((problem) => `${mark}: ${problem}`))
  const writesMore = outcome.cycles % 2 === 0
  if (writesMore) {
    const next = await onStage(server, options, (stage) => signUp.act(stage, `${mark}-next`))
    if (next.result !== 'done') told([`the next sign-up was answered ${next.status}`])
  }
  await server.kill()
  const again = await startServer(options)
  countStart(outcome, again.readyMs)
  await onStage(again, options, async (stage) => {
    const state = await signUp.state(stage, mark, acted)
    // 503 promises nothing, 507 that nothing was changed
    if (state !== 'before' && !(state === 'after' && acted.status === 503))
      told([`it was refused with ${acted.status}, and after a restart: ${state}`])
    if (writesMore && (await signUp.state(stage, `${mark}-next`, acted)) !== 'after')
      told(['LOST: the next sign-up was acknowledged and is not there'])
    const problem = (await signUp.again?.(stage, mark)) ?? null
    if (problem !== null) told([problem])
    told(await checkIntegrity(stage.client, stage.owner))
  })
  return again
}
