// Loaded before everything else into a server under test: its clock is off by as many milliseconds as a file says, which may change at any moment.
import { readFileSync } from 'node:fs'

const file = process.env.CHAOS_CLOCK ?? ''
const Real = Date
const rereadMs = 10
let [offsetMs, readAtMs] = [0, Number.NEGATIVE_INFINITY]

function now(): number {
  if (performance.now() - readAtMs > rereadMs) {
    readAtMs = performance.now()
    offsetMs = Number(readFileSync(file, 'utf8')) || 0
  }
  return Real.now() + offsetMs
}

globalThis.Date = new Proxy(Real, {
  construct: (_target, args: [], newTarget: typeof Date) => Reflect.construct(Real, args.length === 0 ? [now()] : args, newTarget),
  get: (_target, name) => (name === 'now' ? now : Reflect.get(Real, name)),
})
