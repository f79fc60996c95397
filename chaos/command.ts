import { spawn } from 'node:child_process'
import { environmentFor, holdfast, type ServerOptions } from './server-process.ts'

export type Ran = { code: number | null; document: unknown; words: string; ms: number }

/** A command of the command line on the data folder of a server, to its end. */
export function runCommand(options: ServerOptions, ...args: string[]): Promise<Ran> {
  const startedMs = performance.now()
  const child = spawn(holdfast, args, {
    env: environmentFor(options),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
    killSignal: 'SIGKILL',
  })
  const [out, err]: [string[], string[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      const text = out.join('')
      resolve({ code, document: parsed(text), words: `${text}${err.join('')}`, ms: performance.now() - startedMs })
    })
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
