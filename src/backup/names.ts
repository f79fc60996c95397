/** Names of the files below a target (native-api.md section 5). */
export const instanceName = 'instance.json'

export const snapshotsPrefix = 'snapshots/'
export const manifestName = (id: string): string => `${snapshotsPrefix}${id}/manifest.json.age`
/** The signed note that this snapshot was restored and compared. */
export const provenName = (id: string): string => `${snapshotsPrefix}${id}/proven.json`
export const snapshotFileName = (id: string, part: string): string => `${snapshotsPrefix}${id}/${part}.ndjson.zst.age`

/** Sequences are padded so that names sort as their numbers do. */
const digits = 12
const padded = (sequence: number): string => String(sequence).padStart(digits, '0')

export const logPrefix = 'log/'
export const segmentsOf = (stream: string): string => `${logPrefix}${stream}/`
export const segmentName = (stream: string, first: number, last: number): string =>
  `${segmentsOf(stream)}${padded(first)}-${padded(last)}.ndjson.zst.age`

export type SegmentName = { name: string; stream: string; first: number; last: number }

/** The parts of a segment's name, or null when it is none. */
export function parseSegmentName(name: string): SegmentName | null {
  const parts = /^log\/([A-Za-z0-9_-][A-Za-z0-9._-]*)\/(\d{12})-(\d{12})\.ndjson\.zst\.age$/.exec(name)
  if (parts === null) return null
  const [first, last] = [Number(parts[2]), Number(parts[3])]
  return first >= 1 && last >= first ? { name, stream: String(parts[1]), first, last } : null
}

/** Former keys, each readable under the one that came after it (keys.ts). `publicKey` is base64url. */
export const keysPrefix = 'keys/'
export const keyName = (publicKey: string): string => `${keysPrefix}${publicKey}.json.age`

export const headsPrefix = 'heads/'
export const headName = (stream: string, sequence: number): string => `${headsPrefix}${stream}/${padded(sequence)}.json`

/** The stream and sequence that a head's name says, or null. */
export function parseHeadName(name: string): { stream: string; sequence: number } | null {
  const parts = /^heads\/([A-Za-z0-9_-][A-Za-z0-9._-]*)\/(\d{12})\.json$/.exec(name)
  return parts === null ? null : { stream: String(parts[1]), sequence: Number(parts[2]) }
}

/** The snapshot that a file belongs to, or null. */
export const snapshotOf = (name: string): string | null => /^snapshots\/([A-Za-z0-9_-][A-Za-z0-9._-]*)\//.exec(name)?.[1] ?? null

/** Copies of objects: `objects/<tenant>/<key>.age`. */
export const objectCopiesPrefix = 'objects/'
export const objectCopyName = (tenantId: string, key: string): string => `${objectCopiesPrefix}${tenantId}/${key}.age`
