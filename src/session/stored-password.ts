export type LegacyScheme = 'sha256' | 'sha256-salted' | 'pbkdf2_sha256' | 'bcrypt' | 'scrypt'

/** How a stored password can be verified. `none` is Django's unusable password (`!…`), which no password matches. */
export type Scheme = 'argon2id' | 'argon2i' | 'argon2d' | LegacyScheme | `argon2id(${LegacyScheme})` | 'none'

/** What a bare 64-hex digest does not say about itself: its salt, and where that stood. */
export type ImportHint = { salt?: string; template?: string }

export function schemeOf(_stored: string): Scheme {
  throw new Error('not written yet')
}

export function parseImportedHash(_text: string, _hint?: ImportHint): { stored: string } | { problem: string } {
  throw new Error('not written yet')
}

/** Whether the stored form looked at a part of this password only: bcrypt, and more than 72 bytes of UTF-8. */
export function truncates(_stored: string, _password: string): boolean {
  throw new Error('not written yet')
}
