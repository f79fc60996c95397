import { Presets, SingleBar } from 'cli-progress'
import type { Events } from './control-wire.ts'

/** Shows on the terminal how far a long command is, and nothing where standard error is none. Without a terminal nobody is asked to report either. */
export async function withProgress<T>(what: string, work: (events: Events) => Promise<T>): Promise<T> {
  const { stderr } = process
  if (!stderr.isTTY) return work({})
  const bar = new SingleBar(
    { stream: stderr, format: `${what} {bar} {value} of {total}, {eta_formatted} left`, hideCursor: null, barsize: 30 },
    Presets.rect,
  )
  let isShown = false
  try {
    return await work({
      progress({ done, total }) {
        if (!isShown) bar.start(total, done)
        isShown = true
        bar.setTotal(total)
        bar.update(done)
      },
    })
  } finally {
    if (isShown) bar.stop()
  }
}
