import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { plants } from './plants.ts'
import { runFaults } from './run.ts'

test('nothing acknowledged is lost, in a short pass of every fault', { timeout: 600_000 }, async () => {
  const said: string[] = []
  const summary = join(tmpdir(), `holdfast-chaos-short-${process.pid}.json`)
  const say = (text: string) => {
    said.push(text)
    console.log(text)
  }
  const code = await runFaults({
    engine: 'sqlite',
    cycles: null,
    only: null,
    isShort: true,
    seed: 1 + (Date.now() % 1_000_000),
    summary,
    say,
  })
  rmSync(summary)
  expect(code, said.join('\n')).toBe(0)
})

test.each(Object.entries(plants).flatMap(([plant, { edits }]) => edits.map((edit) => ({ plant, ...edit }))))(
  'the bug $plant can still be planted in $file',
  ({ file, from }) => {
    expect(readFileSync(join(import.meta.dirname, '..', file), 'utf8').split(from)).toHaveLength(2)
  },
)
