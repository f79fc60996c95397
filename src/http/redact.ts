/** What takes the place of a secret. */
const gone = '[redacted]'

/** Fields whose whole value is a secret, by name. `code` alone is an error's or an operation's and stays. */
const secretName =
  /pass(?:word|phrase|wd)|secret|token|authori[sz]ation|cookie|api-?_?key|private-?_?key|signature|credential|digest|recovery|otp|^pem$|^key$|^identity$/i

/** Texts that are secrets wherever they stand: our own tokens, JWTs, password hashes, keys, presigned signatures, and `password=…` in a query or a message. */
const secretTexts: readonly [RegExp, string][] = [
  [/\bhf[a-z]{1,3}_[\w-]{16,}/g, gone],
  [/\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?/g, gone],
  [/\b(Bearer|Basic)\s+[^\s"',;]+/gi, `$1 ${gone}`],
  [/\$(?:argon2\w*|2[abxy]|scrypt|pbkdf2[\w-]*)\$[^\s"']+|\b(?:pbkdf2_sha256|argon2id\([^)]*\))\$[^\s"']+/g, gone],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, gone],
  [/\bAGE-SECRET-KEY-1[A-Z0-9]+/gi, gone],
  [/\b(X-Amz-(?:Signature|Credential|Security-Token)|Signature|AWSAccessKeyId|sig)=[^&\s"']+/gi, `$1=${gone}`],
  [
    /(["']?[\w-]*(?:password|passphrase|secret|token|api-?_?key|authorization|cookie)[\w-]*["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&}"']+)/gi,
    `$1${gone}`,
  ],
  // V8 quotes the text that is no JSON
  [/(Unexpected token .{1,6}, )\.{0,3}"[\s\S]*?" ?\.{0,3}(?= is not valid JSON)/g, `$1${gone}`],
  // user:password@host
  [/(\w+:\/\/)[^\s/@"']+@/g, `$1${gone}@`],
]

/** A text without the secrets that can be told by their form. */
export const redactText = (text: string): string => secretTexts.reduce((clean, [pattern, by]) => clean.replace(pattern, by), text)

const maxDepth = 6

/** The fields of a log line as they may be written: secrets by name or form are gone, errors are `{type, code, message, stack, cause}`, bytes only counted. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value
  if (depth >= maxDepth) return '[deeper]'
  if (value instanceof Error) return redactError(value, depth)
  if (value instanceof Date) return value
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => redact(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      secretName.test(name) && member !== null && member !== undefined ? gone : redact(member, depth + 1),
    ]),
  )
}

/** Own properties of a foreign error (a partner's response, a query's parameters) stay out: nobody knows what is in them. */
function redactError(error: Error, depth: number): object {
  const { code } = error as { code?: unknown }
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: redactText(error.message),
    stack: redactText(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  }
}
