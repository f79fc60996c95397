/** One entry of the tenant's log, as far as the actor may see it. */
export type LogEvent = {
  stream: string
  sequence: number
  time: string
  actor: { id: string | null; kind: string; name: string }
  action: string
  entity: { type: string; id: string }
  changes: { op: string; type: string; id: string; fields: Record<string, unknown> | null }[]
}

type Following = { open(lastEventId: string | null): Promise<Response>; signal: AbortSignal; lostMs?: number }

/**
 * The log as it grows, without a gap: after a lost connection it goes on behind the last entry that was given out. Ends when `signal` aborts. Errors: an Error that holds the status when the server
 * refuses (401, 403): signing in again is the caller's.
 */
export async function* follow({ open, signal, lostMs = 1_000 }: Following): AsyncGenerator<LogEvent> {
  let last: string | null = null
  while (!signal.aborted) {
    try {
      const answer = await open(last)
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) throw new Refused(answer.status)
      if (answer.ok && answer.body !== null)
        for await (const { id, data } of read(answer.body)) {
          last = id ?? last
          yield JSON.parse(data) as LogEvent
        }
    } catch (error) {
      if (error instanceof Refused) throw error
      if (signal.aborted) return
    }
    await new Promise((resolve) => setTimeout(resolve, lostMs))
  }
}

class Refused extends Error {
  readonly status: number

  constructor(status: number) {
    super(`The server refuses to be followed (${status}).`)
    this.status = status
  }
}

/** Server-sent events (WHATWG HTML, section 9.2.6), as far as our server writes them. */
async function* read(body: ReadableStream<Uint8Array>): AsyncGenerator<{ id: string | null; data: string }> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += value
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const field = (name: string) =>
          block
            .split('\n')
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2)
        const data = field('data')
        if (data !== undefined) yield { id: field('id') ?? null, data }
      }
    }
  } finally {
    reader.releaseLock()
    await body.cancel().catch(() => {})
  }
}
