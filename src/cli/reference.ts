import type { Command } from 'commander'
import { program } from './program.ts'

const nameOf = (command: Command): string => (command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`)

function helpOf(command: Command): string {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 100 }).outputHelp()
  return help.trim()
}

const leaves = (command: Command): Command[] => (command.commands.length === 0 ? [command] : command.commands.flatMap(leaves))

/** Every command with its help, as a page of the handbook. */
export function cliReference(): string {
  const parts = leaves(program()).map((command) => `## ${nameOf(command)}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`)
  return `# The command line

\`bin/holdfast <command>\` from a checkout, \`holdfast\` in the container image. A command works through the running server, or opens the data folder itself when none runs. Settings are environment variables, the same for all ([settings](settings.md)); every command that tells something takes \`--json\`. Exit codes: 0 done · 1 failed · 2 wrong usage · 3 damage found · 4 not found · 5 refused · 6 wrong or missing key · 7 data folder in use · 8 no space or target unreachable.

This page is what \`--help\` says (\`tools/cli-reference.ts\`).

${parts.join('\n')}`
}
