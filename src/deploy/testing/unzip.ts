import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32, inflateRawSync } from 'node:zlib'

/** Unpacks a zip as Lambda does: by its directory, every sum and size checked, modes kept. Throws for whatever does not fit. Returns the paths. */
export function unzip(file: string, folder: string): string[] {
  const bytes = readFileSync(file)
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  if (end < 0) throw new Error('no end of directory')
  const count = bytes.readUInt16LE(end + 10)
  const start = bytes.readUInt32LE(end + 16)
  if (start + bytes.readUInt32LE(end + 12) !== end || end + 22 !== bytes.length) throw new Error('the directory does not end where it says')
  const paths: string[] = []
  let at = start
  for (let place = 0; place < count; place++) {
    if (bytes.toString('latin1', at, at + 4) !== 'PK\x01\x02') throw new Error('no entry of the directory')
    const [flags, method] = [bytes.readUInt16LE(at + 8), bytes.readUInt16LE(at + 10)]
    const [sum, packed, size] = [bytes.readUInt32LE(at + 16), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 24)]
    const [nameLength, extra, comment] = [bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32)]
    const [mode, offset] = [bytes.readUInt32LE(at + 38) >>> 16, bytes.readUInt32LE(at + 42)]
    const path = bytes.toString('utf8', at + 46, at + 46 + nameLength)
    if (method !== 8 || (flags & 0x0800) === 0) throw new Error(`${path} is not deflated, or its name is not UTF-8`)
    if (!bytes.subarray(offset + 4, offset + 30).equals(bytes.subarray(at + 6, at + 32)))
      throw new Error(`${path} says otherwise in its own header`)
    const from = offset + 30 + bytes.readUInt16LE(offset + 26) + bytes.readUInt16LE(offset + 28)
    const content = inflateRawSync(bytes.subarray(from, from + packed))
    if (content.length !== size || crc32(content) !== sum) throw new Error(`${path} is damaged`)
    const target = join(folder, path)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, content)
    chmodSync(target, mode & 0o777)
    paths.push(path)
    at += 46 + nameLength + extra + comment
  }
  if (at !== end) throw new Error('the directory holds more than it says')
  return paths
}
