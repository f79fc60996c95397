import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { TrustProxy } from '../kernel/services.ts'

/** The client's address: the socket's peer, or the nearest entry of `X-Forwarded-For` that no trusted hop wrote. */
export function clientAddress(peer: string, forwarded: string | undefined, trust: TrustProxy): string {
  if (trust === null) return plain(peer)
  const chain = [
    ...(forwarded ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
    peer,
  ].map(plain)
  if (chain.length === 1) return plain(peer)
  const isTrusted = 'hops' in trust ? (_: string, hop: number) => hop < trust.hops : trustedBy(trust.networks)
  for (let hop = 0; ; hop++) {
    const address = chain[chain.length - 1 - hop] ?? plain(peer)
    const isLast = hop === chain.length - 1
    if (isLast || !isTrusted(address, hop)) return isIPv4(address) || isIPv6(address) ? address : plain(peer)
  }
}

const lists = new WeakMap<readonly string[], BlockList>()

function trustedBy(networks: readonly string[]): (address: string, hop: number) => boolean {
  const list = lists.get(networks) ?? listOf(networks)
  lists.set(networks, list)
  return (address) => (isIPv4(address) ? list.check(address, 'ipv4') : isIPv6(address) && list.check(address, 'ipv6'))
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [base = '', bits] = network.split('/')
    const family = isIPv4(base) ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(base, family)
    else list.addSubnet(base, Number(bits), family)
  }
  return list
}

/** An IPv4 address that came in IPv6 clothes (RFC 4291, section 2.5.5.2) is the IPv4 address. A zone index is no part of it. */
const plain = (address: string): string => (address.includes(':') ? unclothed(address) : address)

const unclothed = (address: string): string => address.replace(/^::ffff:(\d+\.\d+\.\d+\.\d+)$/i, '$1').replace(/%.*$/, '')

/** What counts as one network: an IPv4 address, or an IPv6 /64. */
export function networkOf(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address
  const [head = '', tail = ''] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = !address.includes('::') || tail === '' ? [] : tail.split(':')
  const zeros = address.includes('::') ? Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0') : []
  const groups = [...left, ...zeros, ...right].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${groups.join(':')}::/64`
}
