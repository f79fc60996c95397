import type { TestServer } from './server.ts'

/** Stops the server's clocks until it is restarted, so that a slow machine makes no difference. */
export function stopClock({ holdfast }: TestServer): void {
  const { clock } = holdfast.runtime
  const nowMs = clock.realMs()
  Object.assign(clock, { realMs: () => nowMs, businessMs: () => nowMs })
}

/** Moves the server's clocks on, stopped or not, until it is restarted. */
export function moveClock({ holdfast }: TestServer, ms: number): void {
  const { clock } = holdfast.runtime
  const { realMs, businessMs } = clock
  Object.assign(clock, { realMs: () => realMs() + ms, businessMs: () => businessMs() + ms })
}
