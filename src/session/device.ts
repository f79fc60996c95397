import { timingSafeEqual } from 'node:crypto'
import type { Services } from '../kernel/services.ts'

/** A device stays known for a year, or until the password changes. */
export const deviceSeconds = 365 * 24 * 60 * 60

type Device = { tenantId: string; userId: string; passwordChangedAt: string }

/** Proof that this user signed in on this device before: it lets the owner in while an attacker is held off. Stateless, and void after a password change. */
export function deviceToken(services: Services, device: Device, nowMs: number): string {
  const issued = String(nowMs)
  return [device.tenantId, device.userId, issued, macOf(services, device, issued)].join('~')
}

export function isKnownDevice(services: Services, token: string | null, device: Device, nowMs: number): boolean {
  const [tenantId, userId, issued, mac] = token === null || token.length > 300 ? [] : token.split('~')
  if (mac === undefined || issued === undefined || tenantId !== device.tenantId || userId !== device.userId) return false
  const expected = Buffer.from(macOf(services, device, issued))
  const given = Buffer.from(mac)
  return given.length === expected.length && timingSafeEqual(given, expected) && Number(issued) + deviceSeconds * 1000 > nowMs
}

const macOf = (services: Services, { tenantId, userId, passwordChangedAt }: Device, issued: string): string =>
  services.mac(['device', tenantId, userId, passwordChangedAt, issued].join('\n'))
