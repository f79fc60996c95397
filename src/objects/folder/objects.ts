import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline, Readable, Transform } from 'node:stream'
import { toTime } from '../../kernel/clock.ts'
import { boundsOf, checkedDescription, damaged, exists, verified } from '../described.ts'
import { afterOf, checkedBound, checkedKey, checkedPrefix, checkedTenant, cursorAfter } from '../key.ts'
import type { Described, ListedObject, Objects, TenantObjects } from '../port.ts'
import { type Address, parametersOf, pathOfAddress } from './address.ts'
import { failureOf, reported } from './failures.ts'
import { type Files, filesIn, isAbsent } from './files.ts'
import { describes, type Opened, readHeader, statOf, writeHeader } from './header.ts'
import { digestHeader, serveSigned } from './serve.ts'
import { keysIn, pathOf } from './walk.ts'

type FolderOptions = {
  folder: string
  /** 32 bytes; addresses signed with another key are refused. */
  signingKey: Buffer
  nowMs(): number
  newId(): string
}

/** Objects in a folder of a local disk: one file each, its description in its first line. */
export function folderObjects(options: FolderOptions): Objects {
  const files = filesIn(options.folder)
  const tenant = (id: string): TenantObjects => tenantObjects(checkedTenant(id), files, options)
  return {
    kind: 'folder',
    open: () => reported(() => files.prepare()),
    close: async () => {},
    tenant,
    signed: serveSigned({ ...options, tenant }),
    describe: async () => ({ name: options.folder, settings: {} }),
  }
}

function tenantObjects(tenantId: string, files: Files, { folder, signingKey, nowMs, newId }: FolderOptions): TenantObjects {
  const path = (key: string): string => pathOf(folder, tenantId, checkedKey(key))
  const expiresMsIn = (seconds: number): number => Math.floor(nowMs() / 1_000) * 1_000 + seconds * 1_000
  const store: TenantObjects = {
    tenantId,

    async put(key, body, given) {
      const at = path(key)
      const { size, sha256, type } = checkedDescription(given)
      const described: Described = { size, sha256, type }
      const stat = { key, ...described, version: newId(), storedAt: toTime(nowMs()) }
      return await reported(async () => {
        const isMade = await files.create(at, async (file) => {
          await file.appendFile(writeHeader({ tenant: tenantId, ...stat }))
          await file.appendFile(verified(body, described))
        })
        if (isMade) return stat
        const found = await looked(at, (file) => readHeader(file, tenantId, key))
        if (found === undefined || found === null || !describes(found.header, described)) throw exists()
        return statOf(found.header)
      })
    },

    async open(key, range) {
      const file = await reported(() => opened(path(key)))
      if (file === null) return null
      try {
        const { header, bytesFrom } = whole(key, await reported(() => readHeader(file, tenantId, key)))
        const { first, last } = range === undefined ? { first: 0, last: header.size - 1 } : boundsOf(range, header.size)
        if (last < first) {
          await file.close()
          return { stat: statOf(header), body: Readable.from([]) }
        }
        const bytes = file.createReadStream({ start: bytesFrom + first, end: bytesFrom + last })
        return { stat: statOf(header), body: range === undefined ? proven(bytes, key, header.sha256) : bytes }
      } catch (error) {
        await file.close()
        throw error
      }
    },

    async stat(key) {
      const found = await reported(() => looked(path(key), (file) => readHeader(file, tenantId, key)))
      return found === undefined ? null : statOf(whole(key, found).header)
    },

    async list(prefix, { cursor, limit = 1_000 } = {}) {
      const walk = { prefix: checkedPrefix(prefix), after: afterOf(cursor) }
      checkedBound('limit', limit, [1, 1_000])
      const items: ListedObject[] = []
      return await reported(async () => {
        for await (const key of keysIn(join(folder, tenantId), walk)) {
          const last = items.at(-1)
          if (items.length === limit && last !== undefined) return { items, nextCursor: cursorAfter(last.key) }
          const found = await looked(path(key), (file) => readHeader(file, tenantId, key))
          if (found === undefined) continue
          const { size, storedAt } = whole(key, found).header
          items.push({ key, size, storedAt })
        }
        return { items, nextCursor: null }
      })
    },

    async copy(from, to) {
      checkedKey(to)
      const source = await store.open(from)
      return source === null ? null : await store.put(to, source.body, source.stat)
    },

    async remove(key) {
      const at = path(key)
      await reported(() => files.drop(at))
    },

    erase: (key) => store.remove(key),

    async signUpload(key, given, { method, expiresInSeconds }) {
      const { size, sha256, type } = checkedDescription(given)
      const expiresMs = expiresMsIn(checkedBound('expiresInSeconds', expiresInSeconds, [1, 3_600]))
      const address: Address = { method, tenant: tenantId, key: checkedKey(key), expiresMs, size, sha256, type }
      const signed = { url: urlOf(signingKey, address), expiresAt: toTime(expiresMs) }
      if (method === 'POST') return { method, ...signed, fields: { 'Content-Type': type } }
      return { method, ...signed, headers: { 'content-type': type, 'content-digest': digestHeader(sha256) } }
    },

    async signDownload(key, { attachmentName: name, type, expiresInSeconds }) {
      const expiresMs = expiresMsIn(checkedBound('expiresInSeconds', expiresInSeconds, [1, 86_400]))
      const address: Address = { method: 'GET', tenant: tenantId, key: checkedKey(key), expiresMs, name, type }
      return { url: urlOf(signingKey, address), expiresAt: toTime(expiresMs) }
    },
  }
  return store
}

const urlOf = (signingKey: Buffer, address: Address): string =>
  `${pathOfAddress(address)}?${new URLSearchParams(parametersOf(signingKey, address))}`

async function opened(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

/** What `look` finds in the file; undefined when there is none. */
async function looked<T>(path: string, look: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  const file = await opened(path)
  if (file === null) return undefined
  try {
    return await look(file)
  } finally {
    await file.close()
  }
}

function whole(key: string, found: Opened | null): Opened {
  if (found?.isWhole === true) return found
  throw damaged(key)
}

/** The same bytes, ending in an error when they are not those with this digest. Destroying it closes the file. */
function proven(bytes: Readable, key: string, sha256: string): Readable {
  const hash = createHash('sha256')
  const checked = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
    flush: (done) => done(hash.digest('hex') === sha256 ? null : damaged(key)),
  })
  bytes.on('error', (error) => checked.destroy(failureOf(error) as Error))
  return pipeline(bytes, checked, () => {})
}
