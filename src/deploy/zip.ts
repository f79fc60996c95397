import { crc32, deflateRawSync } from 'node:zlib'

const localHeader = 0x04034b50
const centralHeader = 0x02014b50
const endOfDirectory = 0x06054b50
/** Version 2.0 of the format: deflate and folders. */
const version = 20
const madeOnUnix = 3 << 8
const namesAreUtf8 = 0x0800
const deflated = 8
/** 1 January 1980, the format's first day: the same files give the same bytes whenever they are packed. */
const date = (1 << 5) | 1
/** A plain file that everyone may read: the function runs as another user than whoever packs. */
const plainFile = (0o100644 << 16) >>> 0

/** A zip archive (PKWARE's APPNOTE 6.3.3) of these files, by their paths in it. The same files give the same bytes. Up to 65,535 files and 4 GiB. */
export function zip(files: ReadonlyMap<string, Uint8Array>): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const path of [...files.keys()].sort()) {
    const content = files.get(path) ?? new Uint8Array()
    const name = Buffer.from(path)
    const packed = deflateRawSync(content, { level: 9 })
    const about = Buffer.alloc(26)
    about.writeUInt16LE(version, 0)
    about.writeUInt16LE(namesAreUtf8, 2)
    about.writeUInt16LE(deflated, 4)
    about.writeUInt16LE(date, 8)
    about.writeUInt32LE(crc32(content), 10)
    about.writeUInt32LE(packed.length, 14)
    about.writeUInt32LE(content.length, 18)
    about.writeUInt16LE(name.length, 22)
    parts.push(uint32(localHeader), about, name, packed)
    const where = Buffer.alloc(14)
    where.writeUInt32LE(plainFile, 6)
    where.writeUInt32LE(offset, 10)
    directory.push(uint32(centralHeader), uint16(madeOnUnix | version), about, where, name)
    offset += 4 + about.length + name.length + packed.length
  }
  const listing = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(files.size, 4)
  end.writeUInt16LE(files.size, 6)
  end.writeUInt32LE(listing.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...parts, listing, uint32(endOfDirectory), end])
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
