import { Alert, Button, Checkbox, Group, Modal, SegmentedControl, Stack, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { Page, Rows, Trouble, told } from '../parts.tsx'
import { api, ask, queries } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { showNumber, showTime, useWords } from '../words.ts'

type Counts = { inserted: number; updated: number; removed: number }
type Answer = { id: string; changes: Counts }

function Restore({ snapshot }: { snapshot: Row }) {
  const say = useWords()
  const [scope, choose] = useState<'tenant' | 'user'>('tenant')
  const [id, name] = useState('')
  const [includeRemoved, include] = useState(false)
  const [preview, look] = useState<Counts | null>(null)
  const [done, finish] = useState<Answer | null>(null)
  const [error, fail] = useState<unknown>(null)
  const [isBusy, busy] = useState(false)
  const body = { scope, at: { snapshot: snapshot.id }, includeRemoved, ...(scope === 'user' ? { id } : {}) }
  async function work(run: () => Promise<void>) {
    busy(true)
    fail(null)
    await run().catch(fail)
    busy(false)
  }
  const show = () =>
    work(async () => look(((await ask(api.POST('/v1/restores', { body: { ...body, preview: true } }))) as unknown as Answer).changes))
  const run = () =>
    work(async () => {
      finish((await ask(api.POST('/v1/restores', { body }))) as unknown as Answer)
      await queries.invalidateQueries()
    })
  const undo = () =>
    work(async () => {
      await ask(api.POST('/v1/restores/{id}/undo', { params: { path: { id: done?.id ?? '' } }, body: {} } as never))
      finish(null)
      look(null)
      told(say('backups.undone'))
      await queries.invalidateQueries()
    })
  const said = ({ inserted, updated, removed }: Counts) => ({
    inserted: showNumber(inserted),
    updated: showNumber(updated),
    removed: showNumber(removed),
  })
  return (
    <Stack>
      <SegmentedControl
        aria-label={say('backups.scope')}
        value={scope}
        onChange={(value) => {
          choose(value as 'tenant' | 'user')
          look(null)
        }}
        data={[
          { value: 'tenant', label: say('backups.tenant') },
          { value: 'user', label: say('backups.user') },
        ]}
      />
      {scope === 'user' && (
        <TextInput
          label={say('backups.userId')}
          value={id}
          onChange={(event) => {
            name(event.currentTarget.value)
            look(null)
          }}
        />
      )}
      <Checkbox
        label={say('backups.removed')}
        checked={includeRemoved}
        onChange={(event) => {
          include(event.currentTarget.checked)
          look(null)
        }}
      />
      <Trouble error={error} />
      {preview && !done && <Alert role="status">{say('backups.lost', said(preview))}</Alert>}
      {done && (
        <Alert color="teal" role="status">
          {say('backups.done', said(done.changes))}
        </Alert>
      )}
      <Group justify="end">
        {done ? (
          <Button variant="default" loading={isBusy} onClick={() => void undo()}>
            {say('backups.undo')}
          </Button>
        ) : (
          <>
            <Button variant="default" loading={isBusy} onClick={() => void show()}>
              {say('backups.preview')}
            </Button>
            <Button color="red" disabled={preview === null} loading={isBusy} onClick={() => void run()}>
              {say('backups.run')}
            </Button>
          </>
        )}
      </Group>
    </Stack>
  )
}

export function Backups() {
  const say = useWords()
  const list = useList('backup', '/v1/backups')
  const [open, show] = useState<Row | null>(null)
  const [error, fail] = useState<unknown>(null)
  const [isBusy, busy] = useState(false)
  async function prove() {
    busy(true)
    fail(null)
    await ask(api.POST('/v1/backups', { body: {} })).then(() => list.refetch(), fail)
    busy(false)
  }
  return (
    <Page
      title={say('nav.backups')}
      actions={
        <Button loading={isBusy} onClick={() => void prove()}>
          {say('backups.now')}
        </Button>
      }
    >
      <Trouble error={error ?? list.error} retry={list.refetch} />
      {!list.isPending && list.error === null && (
        <Rows
          label={say('nav.backups')}
          rows={list.rows}
          more={list.more}
          keyOf={(row) => `${row.id} ${text(row.target)}`}
          open={show}
          empty={say('backups.empty')}
          columns={[
            { title: say('backups.created'), show: (row) => showTime(text(row.createdAt)), wide: 2 },
            {
              title: say('backups.proven'),
              show: (row) => (row.provenAt === null ? say('home.never') : showTime(text(row.provenAt))),
              wide: 2,
            },
            { title: say('backups.size'), show: (row) => `${showNumber(Math.ceil(Number(row.bytes) / 1024))} KiB` },
            { title: say('backups.target'), show: (row) => text(row.target), isMinor: true, wide: 2 },
          ]}
        />
      )}
      <Modal
        opened={open !== null}
        onClose={() => show(null)}
        size="lg"
        title={`${say('backups.restore')} ${open === null ? '' : showTime(text(open.createdAt))}`}
        closeButtonProps={{ 'aria-label': say('do.close') }}
      >
        {open !== null && (
          <>
            <Text size="xs" c="dimmed" mb="sm">
              {open.id}
            </Text>
            <Restore snapshot={open} />
          </>
        )}
      </Modal>
    </Page>
  )
}
