#!/usr/bin/env node
// Checks an export of the audit log without Holdfast: plain Node.js 20 or later, no packages. The algorithm is in docs/audit.md, short enough to be written again in another language.
//
//   node holdfast-verify.mjs <export.ndjson> [--keys keys.json] [--heads <backup folder>] [--signer <key>] [--part] [--json]
//
// Ends with 0 when all is as it was written, 2 for wrong usage, 3 when something was changed or is missing.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const usage = `Usage: node holdfast-verify.mjs <export.ndjson> [options]
  --keys <file>     public keys, as "holdfast keys list --json" writes them
  --heads <folder>  a copy of the backup target, or of its folder "heads": what stands there must be in the export
  --signer <key>    the only key that those heads may be signed by ("signedBy" in the target's instance.json)
  --part            the export ends before the newest entry on purpose (audit export --to)
  --json            one JSON document instead of words
At least one of --keys and --heads says whose signatures count.`

const zeros = '0'.repeat(64)
const marker = Buffer.from('"hash":"')
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex')

/** JSON with sorted keys and no spaces: what is hashed and signed. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const fields = Object.keys(value).sort()
  return `{${fields.map((field) => `${JSON.stringify(field)}:${canonical(value[field])}`).join(',')}}`
}

function parsed(text) {
  try {
    const value = JSON.parse(text)
    return value !== null && typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

const ed25519 = (x) => createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })

/** Whether the signature (Ed25519, base64url without padding) is over exactly this text. */
function isSigned(text, signature, key) {
  const bytes = Buffer.from(String(signature), 'base64url')
  return bytes.toString('base64url') === signature && verify(null, Buffer.from(text), key, bytes)
}

/** One signature serves many heads: it covers `leaves` and `time`, and this head is one of the leaves. */
function isSignedHead(head, key) {
  const leaf = sha256(`${head.stream}\n${head.sequence}\n${head.hash}\n`)
  const isListed = Array.isArray(head.leaves) && head.leaves.includes(leaf)
  return isListed && key !== undefined && isSigned(canonical({ leaves: head.leaves, time: head.time }), head.signature, key)
}

export function keysIn(path) {
  const items = parsed(readFileSync(path, 'utf8'))?.items
  if (!Array.isArray(items)) throw new Error(`${path} does not hold public keys`)
  return new Map(items.filter(({ purpose }) => purpose === 'log').map(({ kid, publicJwk }) => [kid, ed25519(publicJwk.x)]))
}

/** The head that a file of a target holds, its key added to `keys`, or what is wrong with it. */
function anchorIn(path, { stream, sequence }, { keys, isPinned, signer }) {
  const text = readFileSync(path, 'utf8')
  const anchor = parsed(text)
  if (anchor === null || `${JSON.stringify(anchor)}\n` !== text) return { problem: 'is not as it was written' }
  const { signature, ...unsigned } = anchor
  if (signer !== undefined && anchor.signedBy !== signer) return { problem: 'is signed by another key than --signer' }
  try {
    if (!isSigned(canonical(unsigned), signature, ed25519(anchor.signedBy))) return { problem: 'is not signed by the key that it names' }
    const { head, publicKey } = anchor
    if (head.stream !== stream || head.sequence !== sequence) return { problem: 'is of another entry than its name says' }
    const own = isPinned || publicKey === null ? undefined : ed25519(publicKey)
    const key = keys.get(head.kid) ?? own
    if (!isSignedHead(head, key)) return { problem: 'holds a head that its key did not sign' }
    keys.set(head.kid, key)
    return { head, signedBy: anchor.signedBy }
  } catch {
    return { problem: 'is not as it was written' }
  }
}

/** The heads of one stream in a target, by sequence. */
function anchorsOf(folder, stream, trusted, tell) {
  const root = existsSync(join(folder, 'heads')) ? join(folder, 'heads') : folder
  const heads = new Map()
  const signers = new Set()
  if (!existsSync(join(root, stream))) return { heads, signers }
  for (const name of readdirSync(join(root, stream)).sort()) {
    const sequence = Number(/^(\d{12})\.json$/.exec(name)?.[1])
    if (!Number.isInteger(sequence)) continue
    const { head, signedBy, problem } = anchorIn(join(root, stream, name), { stream, sequence }, trusted)
    if (problem !== undefined) tell('head_invalid', sequence, `${stream}/${name} ${problem}.`)
    else {
      heads.set(sequence, head)
      signers.add(signedBy)
    }
  }
  return { heads, signers }
}

/** The lines of a file without their ends, as bytes; null for a last one that has no end. */
async function* linesOf(path) {
  let rest = []
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const line = chunk.subarray(start, end)
      yield rest.length === 0 ? line : Buffer.concat([...rest, line])
      rest = []
      start = end + 1
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
  }
  if (rest.length > 0) yield null
}

/**
 * The fields of an entry that are checked, and whether it has the hash that it says. The line is the entry's canonical text with `"hash":"…",` put in: the last such place, because what follows it is no
 * object. Taken out again, every other byte is covered by the hash.
 */
function entryIn(line) {
  const value = parsed(line.toString('utf8'))
  const at = line.lastIndexOf(marker)
  if (value === null || at === -1) return null
  const end = at + marker.length + 64
  const hash = line.toString('latin1', at + marker.length, end)
  if (value.hash !== hash || line.toString('latin1', end, end + 2) !== '",') return null
  const isWhole = sha256(String(value.previousHash), line.subarray(0, at), line.subarray(end + 2)) === hash
  const { hash: _, ...entry } = value
  // an entry whose personal data was erased: what is left is signed, in place of being hashed
  const isExact =
    value.erased !== undefined && Buffer.concat([line.subarray(0, at), line.subarray(end + 2)]).equals(Buffer.from(canonical(entry)))
  const erased = isExact && value.erased?.hash === hash ? entry : null
  return { stream: value.stream, sequence: value.sequence, previousHash: value.previousHash, hash, isWhole, erased }
}

/** Whether what is left of an erased entry was signed by one of the keys. */
function isErasedBy({ erased, ...entry }, keys) {
  const { signature, ...said } = erased
  const key = keys.get(said.kid)
  return key !== undefined && isSigned(canonical({ ...entry, erased: said }), signature, key)
}

function entryProblem(entry, last, keys) {
  const before = last ?? (entry.sequence === 1 ? { stream: entry.stream, sequence: 0, hash: zeros } : null)
  if (before !== null && entry.stream !== before.stream) return ['order', `The entry is of another stream, ${entry.stream}.`]
  if (before !== null && entry.sequence > before.sequence + 1)
    return ['missing', `Entries ${before.sequence + 1} to ${entry.sequence - 1} are missing.`]
  if (before !== null && entry.sequence !== before.sequence + 1) return ['order', `The entry says that it is ${entry.sequence}.`]
  if (entry.erased !== null && !isErasedBy(entry.erased, keys)) return ['changed', 'The entry was emptied, and not by one of the keys.']
  if (entry.erased === null && !entry.isWhole) return ['changed', 'The entry does not have the hash that it says.']
  if (before !== null && entry.previousHash !== before.hash) return ['changed', 'The entry does not follow the entry before it.']
  return null
}

const headFields = 'hash,kid,leaves,sequence,signature,stream,time'

function headProblem(line, last, keys) {
  const value = parsed(line.toString('utf8'))
  const head = value?.head
  if (value === null || canonical(value) !== line.toString('utf8')) return 'The head is not exactly as it was written.'
  if (
    Object.keys(value).join() !== 'head' ||
    Object.keys(head ?? {})
      .sort()
      .join() !== headFields
  )
    return 'The head has other fields than a head has.'
  if (last === null) return 'There is a head, but no entry.'
  if (head.stream !== last.stream || head.sequence !== last.sequence || head.hash !== last.hash)
    return 'The head is not that of the last entry.'
  return isSignedHead(head, keys.get(head.kid)) ? null : 'The head is not signed by one of the keys.'
}

/** `keys` by their ids; `isPinned` when no others count. `heads` is the folder of the target. */
export async function check(path, { keys, isPinned, heads: folder, signer, isPart }) {
  const problems = []
  const found = { stream: null, first: null, last: null, entries: 0, heads: 0, signers: [] }
  let last = null
  let anchors = null
  let isSealed = false
  const tell = (code, sequence, detail) => problems.push({ stream: found.stream ?? '', sequence, code, detail })
  const begin = ({ stream, sequence }) => {
    found.stream = String(stream)
    found.first = sequence
    const isName = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(found.stream)
    if (folder !== undefined && isName) anchors = anchorsOf(folder, found.stream, { keys, isPinned, signer }, tell)
  }
  for await (const line of linesOf(path)) {
    const expected = (last?.sequence ?? 0) + 1
    if (isSealed) tell('changed', expected, 'There is something after the signed head.')
    else if (line === null) tell('changed', expected, 'The last line has no end: the file was cut.')
    else if (line.subarray(0, 8).toString('latin1') === '{"head":') {
      isSealed = true
      const problem = headProblem(line, last, keys)
      if (problem !== null) tell('head_invalid', last?.sequence ?? 0, problem)
    } else {
      const entry = entryIn(line)
      if (entry === null) {
        tell('changed', expected, 'A line is not the exact text of an entry.')
        continue
      }
      if (found.stream === null) begin(entry)
      found.entries += 1
      const problem = entryProblem(entry, last, keys)
      if (problem !== null) tell(problem[0], expected, problem[1])
      const anchor = anchors?.heads.get(entry.sequence)
      if (anchor !== undefined) found.heads += 1
      if (anchor !== undefined && anchor.hash !== entry.hash)
        tell('changed', entry.sequence, 'The entry is another one than the head that stands in the backup target.')
      last = entry
    }
  }
  found.last = last?.sequence ?? null
  if (!isSealed) tell('tail_missing', (last?.sequence ?? 0) + 1, 'The signed head is missing: the file was cut.')
  if (folder !== undefined && anchors?.heads.size === 0) tell('head_invalid', 0, `There is no head of stream ${found.stream} in ${folder}.`)
  const newest = Math.max(0, ...(anchors?.heads.keys() ?? []))
  if (newest > (last?.sequence ?? 0) && !isPart)
    tell('tail_missing', (last?.sequence ?? 0) + 1, `The backup target has a head of entry ${newest}, but the export ends before it.`)
  found.signers = [...(anchors?.signers ?? [])]
  return { ok: problems.length === 0, ...found, problems }
}

function words({ ok, stream, first, last, entries, heads, signers, problems }) {
  const counted = `${entries} entries of stream ${stream ?? '(none)'}, ${first ?? '-'} to ${last ?? '-'}`
  const anchored = signers.length === 0 ? '' : `, ${heads} of them anchored in the backup target by ${signers.join(', ')}`
  if (ok) return `Good: ${counted}${anchored}.`
  const lines = problems.slice(0, 100).map(({ sequence, code, detail }) => `${code} at ${sequence}: ${detail}`)
  return [...lines, `Damaged: ${problems.length} problems in ${counted}${anchored}.`].join('\n')
}

function wrong(message) {
  process.stderr.write(`${message}\n\n${usage}\n`)
  process.exit(2)
}

const text = { type: 'string' }
const flag = { type: 'boolean' }
const options = { keys: text, heads: text, signer: text, part: flag, json: flag, help: flag }

async function main() {
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (values.help) return void process.stdout.write(`${usage}\n`)
  const [path, ...more] = positionals
  if (path === undefined || more.length > 0) throw new Error('Name one export file.')
  if (values.keys === undefined && values.heads === undefined) throw new Error('Name --keys, --heads or both.')
  for (const needed of [path, values.keys, values.heads].filter((one) => one !== undefined))
    if (!existsSync(needed)) throw new Error(`There is no ${needed}.`)
  const isPinned = values.keys !== undefined
  const { heads, signer, part: isPart = false } = values
  const found = await check(path, { keys: isPinned ? keysIn(values.keys) : new Map(), isPinned, heads, signer, isPart })
  process.stdout.write(`${values.json ? JSON.stringify(found) : words(found)}\n`)
  process.exitCode = found.ok ? 0 : 3
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  await main().catch((error) => wrong(error.message))
