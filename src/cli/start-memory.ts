import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Gives back what starting needed and running does not: the young generation has grown to 64 MiB by then, a third of what an idle server held. Called before anyone is served, so nobody waits
 * for it. (`gc` is V8's own; Node offers it only behind this flag, which may be set at any time: nodejs.org/api/v8.html#v8setflagsfromstringflags.)
 */
export function giveBackStartMemory(): void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  // the last resort gives pages back at once; an ordinary collection keeps them for ten seconds
  if (typeof collect === 'function') collect({ type: 'major', flavor: 'last-resort' })
}
