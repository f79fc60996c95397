import { isUtf8 } from 'node:buffer'

type Kind = 'image' | 'video' | 'audio' | 'document'

/** How many bytes say what a file is; of a text all of them do. */
export const headBytes = 64

const ascii = (bytes: Uint8Array, at: number, length: number): string => Buffer.from(bytes.subarray(at, at + length)).toString('latin1')
const begins =
  (...heads: readonly number[][]) =>
  (bytes: Uint8Array): boolean =>
    heads.some((head) => head.every((byte, at) => bytes[at] === byte))
const riff = (form: string) => (bytes: Uint8Array) => ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 4) === form

/** Brands of ISO base media files (mp4ra.org) that hold sound, moving pictures or both, and of those that hold sound alone. */
const filmBrands = ['iso2', 'iso3', 'iso4', 'iso5', 'iso6', 'iso7', 'iso8', 'iso9', 'isom', 'mp41', 'mp42', 'mp71', 'avc1', 'dash', 'cmfc']
const phoneBrands = ['3gp4', '3gp5', '3gp6', '3gp7', '3g2a', 'mmp4', 'MSNV', 'M4V ', 'M4VH', 'M4VP', 'F4V ']
const soundBrands = ['M4A ', 'M4B ', 'M4P ', 'F4A ']
/** Still pictures in the same box: none of them is a film, whatever it says it is. */
const pictureBrands = [
  'heic',
  'heix',
  'heim',
  'heis',
  'hevc',
  'hevx',
  'hevm',
  'hevs',
  'mif1',
  'mif2',
  'msf1',
  'miaf',
  'avif',
  'avis',
  'jpeg',
  'crx ',
]

/** The brands of a file that begins with a whole `ftyp` box, the major one first; none of any other. */
function brandsOf(head: Uint8Array): string[] {
  const size = head.byteLength < 16 ? 0 : Buffer.from(head.subarray(0, 4)).readUInt32BE()
  if (ascii(head, 4, 4) !== 'ftyp' || size < 16 || size > 4_096 || size % 4 !== 0) return []
  const compatible = Array.from({ length: (Math.min(size, head.byteLength) - 16) >> 2 }, (_, at) => ascii(head, 16 + 4 * at, 4))
  return [ascii(head, 8, 4), ...compatible]
}
const isOfBrand =
  (...allowed: readonly string[]) =>
  (head: Uint8Array): boolean => {
    const [major, ...compatible] = brandsOf(head)
    return major !== undefined && allowed.includes(major) && !compatible.some((one) => pictureBrands.includes(one))
  }
/** Films from before the box had a name begin with their parts. */
const isOldMovie = (head: Uint8Array): boolean =>
  ['moov', 'mdat', 'wide', 'free', 'skip'].includes(ascii(head, 4, 4)) && head.byteLength > 16
const isWebm = (head: Uint8Array): boolean => begins([0x1a, 0x45, 0xdf, 0xa3])(head) && ascii(head, 0, headBytes).includes('webm')

/** The types that are taken, what each is, and how its bytes begin. */
const types: Readonly<Record<string, { kind: Kind; fits(head: Uint8Array): boolean }>> = {
  'image/jpeg': { kind: 'image', fits: begins([0xff, 0xd8, 0xff]) },
  'image/png': { kind: 'image', fits: begins([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) },
  'image/webp': { kind: 'image', fits: riff('WEBP') },
  'video/mp4': { kind: 'video', fits: isOfBrand(...filmBrands, ...phoneBrands) },
  'video/webm': { kind: 'video', fits: isWebm },
  'video/quicktime': { kind: 'video', fits: (head) => isOfBrand('qt  ')(head) || isOldMovie(head) },
  'audio/mpeg': { kind: 'audio', fits: begins([0x49, 0x44, 0x33], [0xff, 0xfb], [0xff, 0xf3], [0xff, 0xf2], [0xff, 0xfa]) },
  'audio/wav': { kind: 'audio', fits: riff('WAVE') },
  'audio/mp4': { kind: 'audio', fits: isOfBrand(...soundBrands, ...filmBrands, ...phoneBrands) },
  'application/pdf': { kind: 'document', fits: (head) => ascii(head, 0, 5) === '%PDF-' },
  'text/plain': { kind: 'document', fits: () => true },
}

export const isAllowed = (mimeType: string): boolean => Object.hasOwn(types, mimeType)

export const kindOf = (mimeType: string): Kind => types[mimeType]?.kind ?? 'document'

/** Whether the bytes begin as their type says. */
export const fitsType = (mimeType: string, head: Uint8Array): boolean => types[mimeType]?.fits(head) ?? false

/** Whether all the bytes are a text: UTF-8 without a NUL. */
export const isText = (bytes: Uint8Array): boolean => isUtf8(bytes) && !bytes.includes(0)
