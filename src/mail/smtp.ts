import type { Transporter } from 'nodemailer'
import { AppError } from '../kernel/errors.ts'
import type { Mailer, MailSettings } from '../kernel/services.ts'

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])
const waitMs = 20_000

/**
 * Mail over SMTP (RFC 5321) through nodemailer, which is loaded when the first message leaves. `smtp:` speaks TLS by STARTTLS (RFC 3207) and refuses to go on without it, but for a server on this machine.
 * Returns null where no server is set: nothing in Holdfast needs one.
 */
export function smtpMailer(settings: MailSettings | null): Mailer | null {
  if (settings === null) return null
  const { hostname } = new URL(settings.url)
  let transporter: Promise<Transporter> | null = null
  const connect = async (): Promise<Transporter> => {
    const { createTransport } = await import('nodemailer')
    return createTransport(settings.url, {
      from: settings.from,
      requireTLS: settings.url.startsWith('smtp:') && !loopback.has(hostname),
      connectionTimeout: waitMs,
      greetingTimeout: waitMs,
      socketTimeout: waitMs,
      disableFileAccess: true,
      disableUrlAccess: true,
    } as Parameters<typeof createTransport>[1])
  }
  return {
    async send({ to, subject, text, id }) {
      transporter ??= connect()
      // the same id at every attempt lets a mailbox tell a repetition from a second letter
      const messageId = `<${id}@${hostname.replace(/[[\]]/g, '')}>`
      const letter = { to, subject, text, messageId }
      await (await transporter).sendMail(letter).catch((error: Error & { responseCode?: number }) => {
        // what a server says may repeat what it was sent: its number tells enough
        const said = error.responseCode === undefined ? 'could not be reached' : `answered ${error.responseCode}`
        throw new AppError('unavailable', 'mail_failed', `The mail server ${said}.`, { cause: error })
      })
    },
  }
}
