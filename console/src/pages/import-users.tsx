import { Button, Checkbox, FileInput, List, Select, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { readCsv, writeCsv } from '../csv.ts'
import { Trouble, told } from '../parts.tsx'
import { queries, Refusal } from '../server.ts'
import { showNumber, useWords, type Word } from '../words.ts'

/** What a column may be, as `bin/holdfast users import` knows it. */
const fields = [
  'username',
  'fullName',
  'email',
  'role',
  'manager',
  'passwordHash',
  'passwordSalt',
  'passwordTemplate',
  'password',
  'isActive',
  'createdAt',
  'number',
] as const
type Field = (typeof fields)[number]
type Loaded = { heads: string[]; lines: string[][] }
type Report = {
  rows: number
  created: number
  existing: number
  refused: { row: number; line: number; field: string; message: string }[]
}

const bare = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, '')
const guess = (head: string): Field | null => fields.find((field) => field.toLowerCase() === bare(head)) ?? null
const shownProblems = 50

/** People from a list: which column is what, a dry run by the server that stores nothing, then the import, with every refused row in words. Password hashes of an older system come along. */
export function ImportUsers({ done }: { done: () => void }) {
  const say = useWords()
  const [loaded, load] = useState<Loaded | null>(null)
  const [map, choose] = useState<(Field | null)[]>([])
  const [wrap, wrapped] = useState(true)
  const [trial, tried] = useState<Report | null>(null)
  const [report, tell] = useState<Report | null>(null)
  const [isBusy, busy] = useState(false)
  const [error, fail] = useState<unknown>(null)
  const again = () => {
    tried(null)
    tell(null)
    fail(null)
  }
  async function take(file: File | null) {
    again()
    const [heads, ...lines] = file === null ? [] : readCsv(await file.text())
    if (heads === undefined || lines.length === 0) {
      load(null)
      if (file !== null) fail(new Error(say('import.notCsv')))
      return
    }
    load({ heads, lines })
    choose(heads.map(guess))
  }
  async function upload(isDry: boolean): Promise<Report> {
    const kept = map.flatMap((field, at) => (field === null ? [] : [{ field, at }]))
    const lines = (loaded?.lines ?? []).map((line) => kept.map(({ at }) => line[at] ?? ''))
    const answer = await fetch(`/v1/users/import?dryRun=${isDry}&wrap=${wrap}`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: writeCsv([kept.map(({ field }) => field), ...lines]),
    })
    const body = await answer.json()
    if (!answer.ok) throw new Refusal(body)
    return body as Report
  }
  async function go(isDry: boolean) {
    busy(true)
    fail(null)
    await upload(isDry).then(async (came) => {
      if (isDry) return tried(came)
      tried(null)
      tell(came)
      await Promise.all(['user', 'password-schemes'].map((type) => queries.invalidateQueries({ queryKey: [type] })))
      told(say('import.done', { n: showNumber(came.created) }))
      if (came.refused.length === 0) done()
    }, fail)
    busy(false)
  }
  const shown = report ?? trial
  const hasHashes = map.includes('passwordHash')
  return (
    <Stack>
      <FileInput label={say('import.file')} accept=".csv,text/csv" onChange={(file) => void take(file)} />
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
                choose(map.map((one, place) => (place === at ? (field as Field | null) : one === field ? null : one)))
                again()
              }}
            />
          ))}
          {hasHashes && (
            <Checkbox
              label={say('import.wrap')}
              description={say('import.wrapHint')}
              checked={wrap}
              onChange={(event) => wrapped(event.currentTarget.checked)}
            />
          )}
          {shown !== null && (
            <Text role="status">
              {say(report === null ? 'import.trial' : 'import.result', {
                n: showNumber(shown.created),
                existing: showNumber(shown.existing),
                refused: showNumber(shown.refused.length),
              })}
            </Text>
          )}
          {shown !== null && shown.refused.length > 0 && (
            <List size="sm">
              {shown.refused.slice(0, shownProblems).map(({ row, field, message }) => (
                <List.Item key={`${row} ${field}`}>{say('import.refused', { row, why: `${field} ${message}` })}</List.Item>
              ))}
              {shown.refused.length > shownProblems && <List.Item>…</List.Item>}
            </List>
          )}
          <Trouble error={error} />
          {trial !== null && trial.created > 0 ? (
            <Button loading={isBusy} onClick={() => void go(false)}>
              {say('import.run', { n: showNumber(trial.created) })}
            </Button>
          ) : (
            <Button variant="default" loading={isBusy} disabled={!map.includes('username')} onClick={() => void go(true)}>
              {say('import.check')}
            </Button>
          )}
        </>
      )}
      {!loaded && <Trouble error={error} />}
    </Stack>
  )
}
