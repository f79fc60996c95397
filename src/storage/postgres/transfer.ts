import type { AnyEntity } from '../../kernel/entity.ts'
import type { Transfer } from '../port.ts'
import type { Pool } from './pool.ts'
import type { Roles } from './schema.ts'

export function postgresTransfer(_: { pool: () => Pool; roles: () => Roles; entities: readonly AnyEntity[] }): Transfer {
  return {} as Transfer
}
