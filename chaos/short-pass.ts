import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EngineName } from './databases.ts'
import { runFaults } from './run.ts'

/** The short pass of every fault on an engine, as it runs among the tests: its exit code, and what it said. */
export async function shortPass(engine: EngineName): Promise<{ code: number; said: string }> {
  const said: string[] = []
  const summary = join(tmpdir(), `holdfast-chaos-short-${process.pid}.json`)
  const say = (text: string) => {
    said.push(text)
    console.log(text)
  }
  const seed = 1 + (Date.now() % 1_000_000)
  const code = await runFaults({ engine, cycles: null, only: null, isShort: true, seed, summary, say })
  rmSync(summary, { force: true })
  return { code, said: said.join('\n') }
}
