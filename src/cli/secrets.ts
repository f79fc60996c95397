import { randomBytes } from 'node:crypto'
import { AppError } from '../kernel/errors.ts'

export type PasswordOptions = { password?: string; passwordStdin?: true }

const usage = (message: string) => new AppError('invalid', 'usage', message)

/** The password that the options give, or null for none: one line of standard input, or the flag itself, with a warning. */
export async function givenPassword({ password, passwordStdin }: PasswordOptions, say: (words: string) => void): Promise<string | null> {
  if (password !== undefined && passwordStdin === true) throw usage('Give --password or --password-stdin, not both.')
  if (passwordStdin === true) return readSecretLine(say, 'Password')
  if (password === undefined) return null
  if (password === '') throw usage('--password is empty.')
  say(
    'Warning: a password on the command line is visible to others on this machine and stays in the shell history. --password-stdin avoids both.',
  )
  return password
}

/** 24 characters of base64url, 144 bits. */
export const randomPassword = (): string => randomBytes(18).toString('base64url')

/** One line of standard input. `what` it is, in words for people. */
export async function readSecretLine(say: (words: string) => void, what: string): Promise<string> {
  const { stdin } = process
  if (stdin.isTTY) say(`${what} (shown as you type; end with Enter):`)
  const chunks: Buffer[] = []
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    if (chunk.includes(10)) break
  }
  stdin.destroy()
  const [line = ''] = Buffer.concat(chunks).toString('utf8').split('\n')
  const secret = line.replace(/\r$/, '')
  if (secret === '') throw usage(`Standard input had no ${what === 'URL' ? what : what.toLowerCase()} in its first line.`)
  return secret
}
