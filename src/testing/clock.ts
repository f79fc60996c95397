import type { TestServer } from './server.ts'

/** Moves the server's clocks, until it is restarted. */
export function moveClock({ holdfast }: TestServer, ms: number): void {
  const { clock } = holdfast.runtime
  const { realMs, businessMs } = clock
  clock.realMs = () => realMs() + ms
  clock.businessMs = () => businessMs() + ms
}
