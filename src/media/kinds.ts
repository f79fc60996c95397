import { isUtf8 } from 'node:buffer'

type Kind = 'image' | 'video' | 'audio' | 'document'

const ascii = (bytes: Uint8Array, at: number, length: number): string => Buffer.from(bytes.subarray(at, at + length)).toString('latin1')
const begins =
  (...heads: readonly number[][]) =>
  (bytes: Uint8Array): boolean =>
    heads.some((head) => head.every((byte, at) => bytes[at] === byte))
const riff = (form: string) => (bytes: Uint8Array) => ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 4) === form
const isBox = (bytes: Uint8Array): boolean => ascii(bytes, 4, 4) === 'ftyp'
const brand = (bytes: Uint8Array): string => ascii(bytes, 8, 4)

/** The types that are taken, what each is, and how its bytes begin. */
const types: Readonly<Record<string, { kind: Kind; fits(head: Uint8Array): boolean }>> = {
  'image/jpeg': { kind: 'image', fits: begins([0xff, 0xd8, 0xff]) },
  'image/png': { kind: 'image', fits: begins([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) },
  'image/webp': { kind: 'image', fits: riff('WEBP') },
  'video/mp4': { kind: 'video', fits: (head) => isBox(head) && brand(head) !== 'qt  ' },
  'video/webm': { kind: 'video', fits: begins([0x1a, 0x45, 0xdf, 0xa3]) },
  'video/quicktime': {
    kind: 'video',
    fits: (head) => (isBox(head) && brand(head) === 'qt  ') || ['moov', 'mdat', 'wide', 'free'].includes(ascii(head, 4, 4)),
  },
  'audio/mpeg': { kind: 'audio', fits: begins([0x49, 0x44, 0x33], [0xff, 0xfb], [0xff, 0xf3], [0xff, 0xf2], [0xff, 0xfa]) },
  'audio/wav': { kind: 'audio', fits: riff('WAVE') },
  'audio/mp4': { kind: 'audio', fits: isBox },
  'application/pdf': { kind: 'document', fits: (head) => ascii(head, 0, 5) === '%PDF-' },
  'text/plain': { kind: 'document', fits: () => true },
}

export const isAllowed = (mimeType: string): boolean => Object.hasOwn(types, mimeType)

export const kindOf = (mimeType: string): Kind => types[mimeType]?.kind ?? 'document'

/** How many bytes say what a file is; of a text all of them do. */
export const headBytes = 64

/** Whether the bytes begin as their type says. */
export const fitsType = (mimeType: string, head: Uint8Array): boolean => types[mimeType]?.fits(head) ?? false

/** Whether all the bytes are a text: UTF-8 without a NUL. */
export const isText = (bytes: Uint8Array): boolean => isUtf8(bytes) && !bytes.includes(0)
