import type { TenantStore } from '../storage/port.ts'
import { AppError } from './errors.ts'

export type Closure = {
  /** The tenant's store for whoever closed it. */
  store: TenantStore
  open(): void
}

export type Closures = {
  isClosed(tenantId: string): boolean
  /** Keeps everyone else's writes away from a tenant; resolves when none is under way. Errors: `restore_running` when it is closed already. */
  close(tenantId: string): Promise<Closure>
}

/** What is refused while a tenant's data is being replaced. */
export const closed = (): AppError =>
  new AppError('unavailable', 'restore_running', 'This data is being restored right now. Try again in a moment; nothing was changed.', {
    retryAfterSeconds: 5,
  })
