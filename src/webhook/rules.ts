import { createHmac } from 'node:crypto'
import { BlockList, isIP } from 'node:net'

/** Whether one of the patterns means this action. */
export const isWanted = (patterns: readonly string[], action: string): boolean =>
  patterns.some((pattern) => pattern === '*' || pattern === action || (pattern.endsWith('.*') && action.startsWith(pattern.slice(0, -1))))

const secretPrefix = 'whsec_'

/** A secret as receivers' libraries take it (Standard Webhooks, "Signature scheme"): the prefix and 32 bytes in Base64. */
export const newSecret = (random: (bytes: number) => Buffer): string => secretPrefix + random(32).toString('base64')

/** `v1,<Base64 of HMAC-SHA256 over id.timestamp.body>`, one for each secret, with a blank between them. `timestamp` is in seconds. */
export const signatureOf = (secrets: readonly string[], { id, timestamp, body }: { id: string; timestamp: number; body: string }): string =>
  secrets
    .map((secret) => Buffer.from(secret.slice(secretPrefix.length), 'base64'))
    .map((key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`)
    .join(' ')

/** IANA's special-purpose registries (RFC 6890): what is no address of a host on the internet. */
const special = new BlockList()
for (const [base, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  special.addSubnet(base, bits, 'ipv4')

/** Of IPv6 only 2000::/3 is given out; these parts of it lead elsewhere: Teredo and others, documentation, 6to4. */
const global = new BlockList()
global.addSubnet('2000::', 3, 'ipv6')
for (const [base, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  special.addSubnet(base, bits, 'ipv6')

/** Whether an address is one of a host on the internet, and none of this machine, its network, or a cloud's inside. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !special.check(address, 'ipv4')
  return family === 6 && global.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

/** Why an address may not be called, or null. Names are looked up when they are called. */
export function urlProblem(text: string, allowPrivate: boolean): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) return 'must be an https address'
  if (url.protocol !== 'https:' && !allowPrivate) return 'must be an https address'
  if (url.username !== '' || url.password !== '') return 'must not hold a user or a password'
  if (url.hash !== '') return 'must not hold a fragment'
  const host = hostOf(url)
  if (allowPrivate) return null
  if (isIP(host) > 0 && !isPublicAddress(host)) return 'must not lead to a private network'
  if (isIP(host) === 0 && (!host.includes('.') || /(^|\.)(localhost|local|internal|home\.arpa)\.?$/.test(host)))
    return 'must not lead to a private network'
  return null
}

/** The host as a resolver takes it: an IPv6 address without brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '')

const minuteMs = 60_000

/** How long to wait after so many attempts in vain: from `first` on twice as long each time, up to `longest`, and somewhere between half of that and all of it. `chance` is in 0…1. */
export const waitMs = (attempts: number, { first, longest }: { first: number; longest: number }, chance: number): number =>
  Math.min(longest, first * 2 ** Math.min(30, attempts - 1)) * (0.5 + chance / 2)

/** What a receiver asks for with `Retry-After` (RFC 9110 section 10.2.3), in seconds; at most an hour counts. */
export function askedMs(retryAfter: string | undefined): number {
  if (retryAfter === undefined || !/^\d{1,6}$/.test(retryAfter)) return 0
  return Math.min(60 * minuteMs, Number(retryAfter) * 1_000)
}
