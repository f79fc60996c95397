import { Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Trouble } from './parts.tsx'
import { read } from './server.ts'

type User = { id: string; username: string; fullName: string | null }

/** One active person, looked for on the server as one types. */
export function PersonPick({ label, value, choose }: { label: string; value: string | null; choose: (id: string | null) => void }) {
  const [search, look] = useState('')
  const found = useQuery({
    queryKey: ['user', 'search', search],
    queryFn: async () =>
      (await read('/v1/users', { limit: 20, isActive: 'true', ...(search === '' ? {} : { q: search }) })).items as User[],
  })
  return (
    <>
      <Select
        searchable
        label={label}
        data={(found.data ?? []).map(({ id, username, fullName }) => ({ value: id, label: fullName ?? username }))}
        value={value}
        onChange={choose}
        onSearchChange={look}
        filter={({ options }) => options}
      />
      <Trouble error={found.error} />
    </>
  )
}
