import { bech32 } from '@scure/base'

/** Whether a text names an X25519 public key as age writes it (age1…, Bech32). */
export function isRecipient(text: string): boolean {
  if (!text.startsWith('age1')) return false
  const read = bech32.decodeUnsafe(text, 90)
  return read?.prefix === 'age' && bech32.fromWordsUnsafe(read.words)?.length === 32
}
