import { expect } from 'vitest'
import type { Loose } from './server.ts'

type Message = { id: string | null; told: Loose }
export type Stream = {
  status: number
  type: string | null
  messages: Message[]
  /** How often the server said that it is there. */
  pings(): number
  of(eventType: string): Loose[]
  /** Kinds of the notifications so far. */
  kinds(): string[]
  isOver(): boolean
}

/** Reads server-sent events until one of `aborts`, to which it adds its own, ends it. */
export async function openStream(url: string, headers: Record<string, string>, aborts: AbortController[]): Promise<Stream> {
  const abort = new AbortController()
  aborts.push(abort)
  const response = await fetch(url, { headers, signal: abort.signal })
  const messages: Message[] = []
  let pings = 0
  let isOver = false
  const read = async () => {
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const lines = text.slice(0, end).split('\n')
        text = text.slice(end + 2)
        expect(lines.some((line) => line.startsWith('event:'))).toBe(false)
        if (lines[0] === ': ping') pings += 1
        const data = lines.find((line) => line.startsWith('data: '))?.slice(6)
        if (data !== undefined)
          messages.push({ id: lines.find((line) => line.startsWith('id: '))?.slice(4) ?? null, told: JSON.parse(data) as Loose })
      }
    }
    isOver = true
  }
  void read().catch(() => undefined)
  const of = (eventType: string) => messages.map(({ told }) => told).filter((told) => String(told.eventType) === eventType)
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    messages,
    pings: () => pings,
    of,
    kinds: () => of('notification.created').map(({ data }) => String(data?.kind)),
    isOver: () => isOver,
  }
}
