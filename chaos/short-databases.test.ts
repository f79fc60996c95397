import { expect, test } from 'vitest'
import { shortPass } from './short-pass.ts'

test.each(['postgres', 'dynamodb'] as const)(
  'nothing acknowledged is lost or done twice on %s, in a short pass',
  { timeout: 600_000 },
  async (engine) => {
    const { code, said } = await shortPass(engine)
    expect(code, said).toBe(0)
  },
)
