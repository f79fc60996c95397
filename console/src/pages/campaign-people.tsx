import { Button, Checkbox, Group, Select, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { Ask, Trouble } from '../parts.tsx'
import { PersonPick } from '../person-pick.tsx'
import { queries, send } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { useWords } from '../words.ts'

const roles = ['owner', 'admin', 'member', 'viewer']
const fresh = () => Promise.all(['campaign_assignment', 'workload'].map((type) => queries.invalidateQueries({ queryKey: [type] })))

/** Who works on a campaign, as what; one is added, changed or taken away here. */
export function CampaignPeople({ campaign }: { campaign: Row }) {
  const say = useWords()
  const list = useList('campaign_assignment', `/v1/campaigns/${campaign.id}/people`)
  const [chosen, choose] = useState<string | null>(null)
  const [role, play] = useState('member')
  const [canEdit, edit] = useState(false)
  const [error, fail] = useState<unknown>(null)
  const assign = async (userId: string, body: object) => {
    fail(null)
    await send('POST', `/api/admin/users/${userId}/assign-campaigns`, { campaign_ids: [campaign.id], ...body }).then(async () => {
      choose(null)
      await fresh()
    }, fail)
  }
  const nameOf = (row: Row): string => text(row.fullName ?? row.username)
  const rights = (row: Row) => ({
    role: row.role,
    can_edit: row.canEdit,
    can_view_stats: row.canViewStats,
    can_manage_contacts: row.canManageContacts,
  })
  return (
    <Stack>
      <PersonPick label={say('campaigns.add')} value={chosen} choose={choose} />
      <Group align="end" justify="space-between">
        <Select label={say('campaigns.as')} data={roles} value={role} allowDeselect={false} onChange={(value) => play(value ?? 'member')} />
        <Checkbox label={say('campaigns.canEdit')} checked={canEdit} onChange={(event) => edit(event.currentTarget.checked)} />
        <Button disabled={chosen === null} onClick={() => chosen !== null && void assign(chosen, { role, can_edit: canEdit })}>
          {say('teams.addDo')}
        </Button>
      </Group>
      <Trouble error={error ?? list.error} />
      {!list.isPending && list.rows.length === 0 && <Text c="dimmed">{say('campaigns.nobody')}</Text>}
      <ul className="plain">
        {list.rows.map((row) => (
          <li key={text(row.userId)}>
            <Group justify="space-between" mb="xs">
              <span>{nameOf(row)}</span>
              <Group gap="xs">
                <Select
                  size="xs"
                  w={110}
                  aria-label={`${say('campaigns.as')}: ${nameOf(row)}`}
                  data={roles}
                  value={text(row.role)}
                  allowDeselect={false}
                  onChange={(value) => value !== null && void assign(text(row.userId), { ...rights(row), role: value })}
                />
                <Checkbox
                  size="xs"
                  label={say('campaigns.canEdit')}
                  aria-label={`${say('campaigns.canEdit')}: ${nameOf(row)}`}
                  checked={row.canEdit === true}
                  onChange={(event) => void assign(text(row.userId), { ...rights(row), can_edit: event.currentTarget.checked })}
                />
                <Ask
                  text={say('campaigns.endAsk', { name: nameOf(row), campaign: text(campaign.name) })}
                  action={say('do.remove')}
                  run={() => send('DELETE', `/api/admin/users/${text(row.userId)}/campaigns/${campaign.id}`, undefined).then(fresh)}
                />
              </Group>
            </Group>
          </li>
        ))}
      </ul>
      {list.more !== null && (
        <Button variant="default" onClick={list.more}>
          {say('do.more')}
        </Button>
      )}
    </Stack>
  )
}
