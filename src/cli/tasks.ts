import type { Origin } from '../kernel/context.ts'
import type { Holdfast } from '../main.ts'
import type { Events } from './control-wire.ts'
import { storeChecks } from './doctor-store.ts'
import { drillTask } from './drill-task.ts'
import { moveTask } from './move-task.ts'

/** `isServed`: it runs in a server, beside requests. */
export type TaskCall = { holdfast: Holdfast; tenantId: string; input: unknown; origin: Origin; events: Events; isServed: boolean }

/** Work of operators that is more than one operation: it reads many streams, or reports how far it is. It runs where the store is open, like an operation. */
export type Task = (call: TaskCall) => Promise<unknown>

export const tasks: ReadonlyMap<string, Task> = new Map<string, Task>([
  ['doctor.store', storeChecks],
  ['storage.move', moveTask],
  ['backup.drill', drillTask],
])
