import { z } from 'zod'
import { reachOf } from '../access/scope.ts'
import { everyRow } from '../kernel/every-row.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'
import { agentView } from './create-agent.ts'
import { usersById } from './view.ts'

/** Everyone within one's reach, active or not, by number, never cut. */
export const listAgents = operation({
  name: 'agent.list',
  summary: 'List the users of a sales team',
  needs: 'user:read',
  readOnly: true,
  input: z.object({}),
  output: z.array(agentView),
  async run(context) {
    const { store } = context
    const reach = await reachOf(context)
    const users = reach.everyone ? await everyRow(store, User, { index: 'byNumber' }) : [...(await usersById(store, reach.ids)).values()]
    const managers = await usersById(
      store,
      users.map(({ managerId }) => managerId),
    )
    const numberOf = (id: string | null): number | null => (id === null ? null : (managers.get(id)?.number ?? null))
    return { output: users.sort((a, b) => a.number - b.number).map((user) => ({ ...user, managerNumber: numberOf(user.managerId) })) }
  },
})
