import { inflateSync } from 'node:zlib'

export type PdfRead = { text: string; boxes: number[][]; images: number }

/** What a document says, read as any reader does: glyphs through each font's ToUnicode map (ISO 32000-1, section 9.10). Enough for what pdfkit writes. */
export function readPdf(bytes: Uint8Array): PdfRead {
  const raw = Buffer.from(bytes).toString('latin1')
  const objects = new Map<string, string>()
  for (const [, id = '', body = ''] of raw.matchAll(/(\d+) 0 obj\n([\s\S]*?)\nendobj/g)) objects.set(id, body)
  const streamOf = (body: string): string => {
    const found = /stream\n([\s\S]*?)\nendstream/.exec(body)?.[1] ?? ''
    return body.includes('/FlateDecode') ? inflateSync(Buffer.from(found, 'latin1')).toString('latin1') : found
  }
  const fonts = new Map<string, Map<string, string>>()
  for (const body of objects.values())
    for (const [, name = '', id = ''] of body.matchAll(/\/(F\d+) (\d+) 0 R/g)) {
      const map = /\/ToUnicode (\d+) 0 R/.exec(objects.get(id) ?? '')?.[1]
      if (map !== undefined) fonts.set(name, unicodeOf(streamOf(objects.get(map) ?? '')))
    }
  let text = ''
  for (const body of objects.values()) {
    const stream = body.includes('stream\n') ? streamOf(body) : ''
    if (!stream.includes('BT')) continue
    let font = new Map<string, string>()
    for (const [, name, shown] of stream.matchAll(/\/(F\d+) [\d.]+ Tf|\[([^\]]*)\] TJ/g)) {
      if (name !== undefined) font = fonts.get(name) ?? font
      else {
        for (const [, hex = ''] of (shown ?? '').matchAll(/<([0-9a-f]+)>/g))
          for (const code of hex.match(/.{4}/g) ?? []) text += font.get(code) ?? '?'
        text += ' '
      }
    }
    text += '\n'
  }
  const boxes = [...raw.matchAll(/\/MediaBox \[([^\]]*)\]/g)].map(([, box = '']) => box.trim().split(' ').map(Number))
  return { text, boxes, images: [...raw.matchAll(/\/Subtype \/Image/g)].length }
}

function unicodeOf(map: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, from = '', list = ''] of map.matchAll(/<([0-9a-f]{4})> <[0-9a-f]{4}> \[([^\]]*)\]/g))
    for (const [at, [, code = '']] of [...list.matchAll(/<([0-9a-f ]+)>/g)].entries())
      found.set(
        (Number.parseInt(from, 16) + at).toString(16).padStart(4, '0'),
        Buffer.from(code.replaceAll(' ', ''), 'hex').swap16().toString('utf16le'),
      )
  return found
}
