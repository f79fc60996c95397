import { ActionIcon, Alert, AppShell, Burger, Button, Group, Modal, NavLink, Text, useMantineColorScheme } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Link, Outlet, useLocation } from '@tanstack/react-router'
import { lazy, Suspense, useEffect } from 'react'
import { holdfast, live, queries } from './server.ts'
import { SignIn } from './sign-in.tsx'
import { switchLanguage, useWords, type Word } from './words.ts'

const Settings = lazy(() => import('./pages/settings.tsx').then((page) => ({ default: page.Settings })))

const reads = ['owner', 'admin', 'auditor']
const staff = ['platform_admin', 'platform_operator']
const all = ['owner', 'admin', 'auditor', 'supervisor', 'manager', 'member']
const places: readonly [string, Word, readonly string[]][] = [
  ['/', 'nav.home', [...all, ...staff]],
  ['/console/users', 'nav.users', all],
  ['/console/organization', 'nav.organization', all],
  ['/console/access', 'nav.access', reads],
  ['/console/campaigns', 'nav.campaigns', all],
  ['/console/contacts', 'nav.contacts', all],
  ['/console/assignments', 'nav.assignments', ['owner', 'admin']],
  ['/console/links', 'nav.links', reads],
  ['/console/teams', 'nav.teams', all],
  ['/console/attendance', 'nav.attendance', all],
  ['/console/leave', 'nav.leave', all],
  ['/console/working-days', 'nav.policy', ['owner', 'admin']],
  ['/console/checklists', 'nav.checklists', all],
  ['/console/media', 'nav.media', all],
  ['/console/audit', 'nav.audit', [...reads, ...staff]],
  ['/console/backups', 'nav.backups', ['owner', ...staff]],
  ['/console/webhooks', 'nav.webhooks', ['owner', 'admin']],
  ['/console/jobs', 'nav.jobs', ['owner', 'admin']],
  ['/console/keys', 'nav.keys', ['owner', 'admin']],
  ['/console/tenants', 'nav.tenants', staff],
  ['/console/settings', 'nav.settings', [...all, ...staff]],
]

type Me = { role: string; username: string; mustChangePassword?: boolean }

/** The frame of every page: where one is, who one is, and what to do when the session ended. */
export function Shell({ me, hasEnded }: { me: Me; hasEnded: boolean }) {
  const say = useWords()
  const [isOpen, { toggle, close }] = useDisclosure()
  const { setColorScheme, colorScheme } = useMantineColorScheme()
  const { pathname } = useLocation()
  useEffect(() => {
    if (hasEnded || me.mustChangePassword) return
    const stop = new AbortController()
    void live(stop.signal)
    return () => stop.abort()
  }, [hasEnded, me.mustChangePassword])
  async function leave() {
    await holdfast.signOut().catch(() => {})
    queries.clear()
    location.assign('/')
  }
  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 220, breakpoint: 'sm', collapsed: { mobile: !isOpen } }} padding="md">
      <a className="skip" href="#content">
        {say('app.skip')}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={say('app.menu')} aria-expanded={isOpen} />
            <Text fw={700}>Holdfast</Text>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <Text size="sm" c="dimmed" visibleFrom="xs">
              {me.username}
            </Text>
            <Button size="compact-sm" variant="subtle" onClick={switchLanguage}>
              {say('app.language')}
            </Button>
            <ActionIcon
              variant="subtle"
              aria-label={say('app.theme')}
              onClick={() => setColorScheme(colorScheme === 'dark' ? 'light' : 'dark')}
            >
              ◐
            </ActionIcon>
            <Button size="compact-sm" variant="default" onClick={() => void leave()}>
              {say('app.signOut')}
            </Button>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={say('app.menu')}>
        {places
          .filter(([, , roles]) => roles.includes(me.role) && !me.mustChangePassword)
          .map(([path, word]) => (
            <NavLink
              key={path}
              component={Link}
              {...({ to: path } as object)}
              label={say(word)}
              active={pathname === path}
              aria-current={pathname === path ? 'page' : undefined}
              onClick={close}
            />
          ))}
      </AppShell.Navbar>
      <AppShell.Main id="content">
        <Suspense>
          {me.mustChangePassword ? (
            <>
              <Alert mb="md">{say('settings.mustChange')}</Alert>
              <Settings />
            </>
          ) : (
            <Outlet />
          )}
        </Suspense>
      </AppShell.Main>
      <Modal
        opened={hasEnded}
        onClose={() => {}}
        withCloseButton={false}
        closeOnEscape={false}
        closeOnClickOutside={false}
        title={say('signIn.title')}
      >
        <SignIn said={say('signIn.ended')} />
      </Modal>
    </AppShell>
  )
}
