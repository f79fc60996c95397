import { expect, test } from 'vitest'
import { clientAddress, networkOf } from './network.ts'

test.each([
  ['nobody is trusted by default', '192.0.2.1', '203.0.113.9', null, '192.0.2.1'],
  ['one hop may speak for the client', '192.0.2.1', '203.0.113.9', { hops: 1 }, '203.0.113.9'],
  ['a client’s own entry does not reach beyond the hop', '192.0.2.1', '198.51.100.7, 203.0.113.9', { hops: 1 }, '203.0.113.9'],
  ['two hops reach one further', '192.0.2.1', '198.51.100.7, 203.0.113.9', { hops: 2 }, '198.51.100.7'],
  ['more hops than entries end at the first', '192.0.2.1', '203.0.113.9', { hops: 5 }, '203.0.113.9'],
  ['a peer outside the trusted networks speaks for itself', '192.0.2.1', '203.0.113.9', { networks: ['10.0.0.0/8'] }, '192.0.2.1'],
  ['a peer inside them is believed', '10.1.2.3', '203.0.113.9', { networks: ['10.0.0.0/8'] }, '203.0.113.9'],
  ['a chain of them too', '10.1.2.3', '203.0.113.9, 10.9.9.9', { networks: ['10.0.0.0/8'] }, '203.0.113.9'],
  ['an IPv6 network', 'fd00::1', '2001:db8::7', { networks: ['fd00::/8'] }, '2001:db8::7'],
  ['rubbish in the header is nobody', '192.0.2.1', 'unknown', { hops: 1 }, '192.0.2.1'],
  ['IPv4 in IPv6 clothes', '::ffff:192.0.2.1', undefined, null, '192.0.2.1'],
])('%s', (...[, peer, forwarded, trust, address]) => {
  expect(clientAddress(peer, forwarded, trust)).toBe(address)
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['2001:0DB8::', '2001:db8:0:0::/64'],
])('%s belongs to the network %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
