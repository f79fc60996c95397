/** One instruction: its name, its flags (`--from=build`), and the rest of its line. */
export type Instruction = { name: string; flags: Record<string, string>; text: string }

export type Stage = { from: string; name: string | null; instructions: Instruction[] }

/** The stages of a Dockerfile without here-documents and without escapes, which ours has none of. */
export function readDockerfile(text: string): Stage[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const stages: Stage[] = []
  for (const line of lines) {
    const [, name = '', flagText = '', rest = ''] = /^(\w+)((?: --[\w-]+=\S+)*) +(.*)$/.exec(line) ?? []
    if (name === '') throw new Error(`no instruction: ${line}`)
    if (name === 'FROM') {
      const [, from = '', , stage = null] = /^(\S+)( AS (\w+))?$/i.exec(rest) ?? []
      stages.push({ from, name: stage, instructions: [] })
      continue
    }
    const flags = Object.fromEntries([...flagText.matchAll(/--([\w-]+)=(\S+)/g)].map(([, flag = '', value = '']) => [flag, value]))
    stages.at(-1)?.instructions.push({ name, flags, text: rest })
  }
  return stages
}

/** What a .dockerignore of plain names, `*`, `**` and `!` keeps: the last line that holds a path decides, and a line holds all below what it names. */
export function keptBy(dockerignore: string): (path: string) => boolean {
  const rules = dockerignore
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const isKept = line.startsWith('!')
      const pattern = (isKept ? line.slice(1) : line)
        .replace(/[.+^${}()|[\]]/g, '\\$&')
        .replace(/\*\*\//g, '\0')
        .replace(/\*/g, '[^/]*')
        .replace(/\0/g, '(?:.*/)?')
      return { isKept, pattern: new RegExp(`^${pattern}(?:/|$)`) }
    })
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.isKept ?? true
}
