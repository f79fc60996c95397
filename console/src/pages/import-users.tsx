import { Button, FileInput, List, Select, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { readCsv } from '../csv.ts'
import { Trouble, told } from '../parts.tsx'
import { api, ask, queries, Refusal } from '../server.ts'
import { useWords, type Word } from '../words.ts'

const fields = ['username', 'fullName', 'email', 'role', 'password'] as const
type Field = (typeof fields)[number]
type Loaded = { heads: string[]; lines: string[][] }

const guess = (head: string): Field | null =>
  fields.find((field) => field.toLowerCase() === head.toLowerCase().replace(/[^a-z]/g, '')) ?? null

/** People from a list: which column is what, a check that stores nothing, then one after the other with each refusal in words. */
export function ImportUsers({ done }: { done: () => void }) {
  const say = useWords()
  const [loaded, load] = useState<Loaded | null>(null)
  const [map, choose] = useState<(Field | null)[]>([])
  const [problems, tell] = useState<string[]>([])
  const [isChecked, check] = useState(false)
  const [isBusy, busy] = useState(false)
  const [error, fail] = useState<unknown>(null)
  async function take(file: File | null) {
    check(false)
    tell([])
    fail(null)
    const [heads, ...lines] = file === null ? [] : readCsv(await file.text())
    if (heads === undefined || lines.length === 0) {
      load(null)
      if (file !== null) fail(new Error(say('import.notCsv')))
      return
    }
    load({ heads, lines })
    choose(heads.map(guess))
  }
  const people = (loaded?.lines ?? []).map((line) =>
    Object.fromEntries(map.flatMap((field, at) => (field === null || (line[at] ?? '') === '' ? [] : [[field, (line[at] ?? '').trim()]]))),
  ) as Partial<Record<Field, string>>[]
  function dryRun() {
    const seen = new Set<string>()
    const found = people.flatMap(({ username }, at) => {
      const why = username === undefined ? 'username' : seen.has(username.toLowerCase()) ? username : null
      if (username !== undefined) seen.add(username.toLowerCase())
      return why === null ? [] : [say('import.refused', { row: at + 2, why })]
    })
    tell(found)
    check(found.length === 0)
  }
  async function run() {
    busy(true)
    const refused: string[] = []
    for (const [at, person] of people.entries())
      await ask(api.POST('/v1/users', { body: person as never })).catch((problem: unknown) => {
        refused.push(say('import.refused', { row: at + 2, why: problem instanceof Refusal ? problem.message : String(problem) }))
      })
    busy(false)
    tell(refused)
    check(false)
    await queries.invalidateQueries({ queryKey: ['user'] })
    told(say('import.done', { n: people.length - refused.length }))
    if (refused.length === 0) done()
  }
  return (
    <Stack>
      <FileInput label={say('import.file')} accept=".csv,text/csv" onChange={(file) => void take(file)} />
      <Trouble error={error} />
      {loaded && (
        <>
          <Text fw={600}>{say('import.map')}</Text>
          {loaded.heads.map((head, at) => (
            <Select
              key={head}
              label={head}
              value={map[at] ?? null}
              placeholder={say('import.ignore')}
              clearable
              clearButtonProps={{ 'aria-label': say('import.ignore') }}
              data={fields.map((field) => ({ value: field, label: say(`users.${field}` as Word) }))}
              onChange={(field) => {
                choose(map.map((one, place) => (place === at ? (field as Field | null) : one)))
                check(false)
              }}
            />
          ))}
          {isChecked && <Text role="status">{say('import.ready', { n: people.length })}</Text>}
          <List size="sm">
            {problems.slice(0, 20).map((problem) => (
              <List.Item key={problem}>{problem}</List.Item>
            ))}
          </List>
          {isChecked ? (
            <Button loading={isBusy} onClick={() => void run()}>
              {say('import.run', { n: people.length })}
            </Button>
          ) : (
            <Button variant="default" onClick={dryRun}>
              {say('import.check')}
            </Button>
          )}
        </>
      )}
    </Stack>
  )
}
