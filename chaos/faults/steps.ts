import { checkIntegrity } from '../checker.ts'
import { plainFolder } from '../disks.ts'
import { sleep } from '../random.ts'
import { countStart, isCaught, type Outcome } from '../report.ts'
import { type Server, type ServerOptions, startServer } from '../server-process.ts'
import { attach, type Counts, nextStep, straceProblem, writeCalls } from '../strace.ts'
import { runFailingCalls } from './failing-calls.ts'
import { runFirstStart } from './first-start.ts'
import { type Acted, onStage, type Scenario, scenarios, signUp } from './scenarios.ts'

/** `every`: 1 = each step; 5 = each fifth, from the first one on, and the last ones. */
export type StepPlan = { every: number; isShort: boolean; plant: string | null; hunted: RegExp | null }

/** The longest that a server may live on after the call that kills it. */
const deathMs = 3_000

/** Kills the server at the Nth call that writes, for each N that an act has: all of it is there then, or none. Lets each such call fail, and delays them. */
export async function runSteps(outcome: Outcome, plan: StepPlan): Promise<void> {
  const problem = straceProblem()
  if (problem !== null) {
    outcome.leftOut.push(problem)
    return
  }
  const acts = (plan.isShort ? [signUp] : scenarios).map((scenario) => () => runScenario(outcome, scenario, plan))
  const rest = plan.isShort ? [] : [() => runFirstStart(outcome, plan)]
  for (const part of [() => runFailingCalls(outcome, plan), ...acts, ...rest]) {
    try {
      await part()
    } catch (error) {
      outcome.problems.push(error instanceof Error ? error.message : String(error))
    }
    if (isCaught(outcome, plan.hunted)) return
  }
}

async function runScenario(outcome: Outcome, scenario: Scenario, plan: StepPlan): Promise<void> {
  const disk = plainFolder()
  const options = { folder: disk.folder, plant: plan.plant }
  let server: Server | null = null
  let [struck, acknowledged] = [0, 0]
  try {
    server = await begin(outcome, options)
    const counts = await countCalls(scenario, server, options)
    for (const [call, count] of counts) {
      // the count may differ a little each time: it ends where the act gets through
      for (let step = 1, isThrough = false; !isThrough && step < count + 20; step = nextStep(step, count, plan.every)) {
        const mark = `${scenario.name}-${call}-${step}`
        const acted = await strikeAt({ scenario, server, options, mark }, { call, step })
        await server.kill()
        server = await begin(outcome, options)
        struck += 1
        isThrough = acted.result === 'done'
        if (isThrough) acknowledged += 1
        outcome.problems.push(...(await judge({ scenario, server, options, mark }, acted)).map((problem) => `${mark}: ${problem}`))
        if (isCaught(outcome, plan.hunted)) return
      }
    }
    outcome.notes.push(
      `${scenario.name}: calls that write ${shown(counts)}; killed at ${struck} places, acknowledged at ${acknowledged} of them`,
    )
  } finally {
    outcome.cycles += struck
    outcome.acknowledged += acknowledged
    await server?.kill()
    disk.close()
  }
}

const shown = (counts: Counts): string => [...counts].map(([call, count]) => `${call} ${count}`).join(', ')

async function begin(outcome: Outcome, options: ServerOptions): Promise<Server> {
  const server = await startServer(options)
  countStart(outcome, server.readyMs)
  return server
}

type Part = { scenario: Scenario; server: Server; options: ServerOptions; mark: string }

/** How many calls the act takes when nothing strikes. */
function countCalls(scenario: Scenario, server: Server, options: ServerOptions): Promise<Counts> {
  return onStage(server, options, async (stage) => {
    const mark = `${scenario.name}-0`
    await scenario.prepare(stage, mark)
    const tracer = await attach(server.pid, { calls: writeCalls })
    await scenario.act(stage, mark)
    return tracer.detach()
  })
}

function strikeAt({ scenario, server, options, mark }: Part, { call, step }: { call: string; step: number }): Promise<Acted> {
  return onStage(server, options, async (stage) => {
    const prepared = await scenario.prepare(stage, mark)
    const tracer = await attach(server.pid, { calls: call, effect: 'signal=KILL', when: step })
    const acted = { ...(await scenario.act(stage, mark)), prepared }
    // the call may have come after the reply
    if (acted.result === 'lost') await Promise.race([server.exited, sleep(deathMs)])
    await tracer.detach()
    return acted
  })
}

/** Before or after, never between; after when it was acknowledged. */
function judge({ scenario, server, options, mark }: Part, acted: Acted): Promise<string[]> {
  return onStage(server, options, async (stage) => {
    const problems: string[] = []
    const state = await scenario.state(stage, mark, acted)
    if (state === 'before' && acted.result === 'done') problems.push('LOST: it was acknowledged, and it is not there')
    else if (state !== 'before' && state !== 'after') problems.push(`between: ${state}`)
    const again = (await scenario.again?.(stage, mark)) ?? null
    if (again !== null) problems.push(again)
    return [...problems, ...(await checkIntegrity(stage.client, stage.owner))]
  })
}
