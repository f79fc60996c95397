import { Anchor, Image, Modal, Select, SimpleGrid, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Ask, Page, Trouble } from '../parts.tsx'
import { queries, read, send } from '../server.ts'
import { showTime, useWords } from '../words.ts'

type File = {
  mediaId: string
  originalName: string
  mimeType: string
  fileSize: number
  key: string
  thumbnailUrl: string | null
  cdnUrl: string | null
  createdAt: string
  uploadStatus: string
}
type Checklist = { checklistId: string; title: string }

/** Our own files from where the page is, whatever name the server has for itself. */
const here = (url: string): string => {
  const { pathname, search } = new URL(url, location.href)
  return pathname.startsWith('/objects/') ? pathname + search : url
}
const shownSize = (bytes: number): string =>
  bytes < 1_048_576 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`

/** The files of a checklist: pictures as they are shown to everybody, other files to save. */
export function Media() {
  const say = useWords()
  const checklists = useQuery({
    queryKey: ['checklist', 'names'],
    queryFn: async () => ((await read('/api/checklists', { limit: 200 })) as unknown as { checklists: Checklist[] }).checklists,
  })
  const [chosen, choose] = useState<string | null>(null)
  const id = chosen ?? checklists.data?.[0]?.checklistId ?? null
  const files = useQuery({
    queryKey: ['media', id],
    enabled: id !== null,
    queryFn: async () =>
      ((await read('/api/media', { submissionId: id ?? '', limit: 200 })) as unknown as { media: File[] }).media.filter(
        ({ uploadStatus }) => uploadStatus === 'completed',
      ),
  })
  const [open, show] = useState<File | null>(null)
  return (
    <Page title={say('nav.media')}>
      <Select
        searchable
        maw={420}
        label={say('nav.checklists')}
        data={(checklists.data ?? []).map(({ checklistId, title }) => ({ value: checklistId, label: title }))}
        value={id}
        onChange={choose}
      />
      <Trouble error={checklists.error ?? files.error} retry={() => void files.refetch()} />
      {(files.data?.length === 0 || checklists.data?.length === 0) && <Text c="dimmed">{say('media.empty')}</Text>}
      <SimpleGrid cols={{ base: 2, sm: 4, lg: 6 }}>
        {files.data?.map((file) => (
          <button type="button" key={file.mediaId} className="tile" onClick={() => show(file)}>
            {file.thumbnailUrl === null ? (
              <span className="kind">{file.mimeType.split('/')[1]}</span>
            ) : (
              <img src={here(file.thumbnailUrl)} alt="" loading="lazy" />
            )}
            <Text size="xs" truncate>
              {file.originalName}
            </Text>
          </button>
        ))}
      </SimpleGrid>
      <Modal
        opened={open !== null}
        onClose={() => show(null)}
        size="xl"
        title={open?.originalName ?? ''}
        closeButtonProps={{ 'aria-label': say('do.close') }}
      >
        {open !== null && (
          <>
            {open.thumbnailUrl !== null && open.cdnUrl !== null && (
              <Image src={here(open.cdnUrl)} alt={open.originalName} fit="contain" mah={480} />
            )}
            <Text size="sm" my="xs">
              {shownSize(open.fileSize)} · {open.mimeType} · {showTime(open.createdAt)}{' '}
              {open.cdnUrl !== null && (
                <Anchor underline="always" href={here(open.cdnUrl)} download>
                  {say('media.save')}
                </Anchor>
              )}
            </Text>
            <Ask
              text={say('media.removeAsk', { name: open.originalName })}
              action={say('do.remove')}
              run={async () => {
                await send('DELETE', `/api/media?key=${encodeURIComponent(open.key)}`, undefined)
                show(null)
                await queries.invalidateQueries({ queryKey: ['media'] })
              }}
            />
          </>
        )}
      </Modal>
    </Page>
  )
}
