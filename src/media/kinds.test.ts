import { describe, expect, test } from 'vitest'
import { fitsType } from './kinds.ts'

/** How a file of these brands begins (ISO 14496-12, section 4.3), with something behind. */
function box(major: string, compatible: readonly string[] = [], size?: number): Buffer {
  const head = Buffer.alloc(16 + 4 * compatible.length)
  head.writeUInt32BE(size ?? head.byteLength)
  head.write(`ftyp${major}`, 4, 'latin1')
  head.write(compatible.join(''), 16, 'latin1')
  return Buffer.concat([head, Buffer.from('\0\0\0\x08free\0\0\0\0mdat')])
}
const webm = (kind: string) =>
  Buffer.from(`\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\x82${String.fromCharCode(0x80 + kind.length)}${kind}`, 'latin1')

describe('a file is taken as', () => {
  test.each([
    ['video/mp4', box('isom', ['isom', 'iso2', 'avc1', 'mp41'])],
    ['video/mp4', box('mp42', ['isom', 'mp42'])],
    ['video/mp4', box('M4V ', ['mp42'])],
    ['video/mp4', box('3gp4', ['isom', '3gp4'])],
    ['video/quicktime', box('qt  ', ['qt  '])],
    ['video/quicktime', Buffer.from('\0\0\0\x08wide\0\0\x10\0mdat1234', 'latin1')],
    ['video/webm', webm('webm')],
    ['audio/mp4', box('M4A ', ['M4A ', 'mp42', 'isom'])],
    ['audio/mp4', box('mp42', ['isom'])],
    ['audio/mpeg', Buffer.from('ID3\x04\0')],
    ['audio/wav', Buffer.from('RIFF0000WAVEfmt ')],
  ])('%s', (type, head) => expect(fitsType(type, head)).toBe(true))
})

describe('a file is not taken as', () => {
  test.each([
    ['video/mp4', 'a picture of a phone', box('heic', ['mif1', 'heic'])],
    ['video/mp4', 'a picture that says it is a film first', box('isom', ['avif', 'mif1'])],
    ['video/mp4', 'a box without a size', Buffer.from('....ftypheic....')],
    ['video/mp4', 'a box whose size is none', box('isom', [], 0x2e2e2e2e)],
    ['video/mp4', 'a box that is cut off', Buffer.from('\0\0\0\x10ftypisom', 'latin1')],
    ['video/mp4', 'a brand that nobody knows', box('evil')],
    ['video/mp4', 'sound alone', box('M4A ', ['M4A '])],
    ['video/mp4', 'another type of film', box('qt  ')],
    ['video/quicktime', 'a picture', box('avif', ['avif'])],
    ['video/quicktime', 'another type of film', box('isom')],
    ['video/webm', 'another document in the same form', webm('matroska')],
    ['audio/mp4', 'a picture', box('avif', ['avif', 'mif1'])],
    ['audio/mp4', 'a moving picture', box('avis', ['msf1'])],
    ['audio/wav', 'a film', Buffer.from('RIFF0000AVI LIST')],
  ])('%s: %s', (type, _, head) => expect(fitsType(type, head)).toBe(false))
})
