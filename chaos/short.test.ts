import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { plants } from './plants.ts'
import { shortPass } from './short-pass.ts'

test('nothing acknowledged is lost, in a short pass of every fault', { timeout: 600_000 }, async () => {
  const { code, said } = await shortPass('sqlite')
  expect(code, said).toBe(0)
})

test.each(Object.entries(plants).flatMap(([plant, { edits }]) => edits.map((edit) => ({ plant, ...edit }))))(
  'the bug $plant can still be planted in $file',
  ({ file, from }) => {
    expect(readFileSync(join(import.meta.dirname, '..', file), 'utf8').split(from)).toHaveLength(2)
  },
)
