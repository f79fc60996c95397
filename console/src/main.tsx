import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import './console.css'
import { Center, createTheme, Loader, MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClientProvider, useQuery } from '@tanstack/react-query'
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, RouterProvider } from '@tanstack/react-router'
import { createRoot } from 'react-dom/client'
import { Trouble } from './parts.tsx'
import { api, ask, isRefused, queries } from './server.ts'
import { Shell } from './shell.tsx'
import { SignIn } from './sign-in.tsx'

const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? ''
Object.assign(globalThis, { __webpack_nonce__: nonce }) // where the parts that lock scrolling look for it
/** Dark enough for white letters on it, and for itself on a tint of itself (WCAG 2.2, 1.4.3). */
const harbour = ['#e6fcf5', '#c3fae8', '#96f2d7', '#63e6be', '#38d9a9', '#20c997', '#12b886', '#0ca678', '#087f5b', '#05553f'] as const
const theme = createTheme({
  primaryColor: 'harbour',
  colors: { harbour },
  primaryShade: { light: 9, dark: 9 },
  respectReducedMotion: true,
  defaultRadius: 'md',
})

function Start() {
  const me = useQuery({ queryKey: ['me'], queryFn: () => ask(api.GET('/v1/me')) })
  if (me.isPending)
    return (
      <Center h="100vh">
        <Loader aria-label="…" />
      </Center>
    )
  if (me.data) return <Shell me={me.data as never} hasEnded={me.isError && isRefused(me.error, 'invalid_token', 'unauthenticated')} />
  if (isRefused(me.error, 'invalid_token', 'unauthenticated')) return <SignIn />
  if (isRefused(me.error, 'password_change_required'))
    return <Shell me={{ role: 'member', username: '', mustChangePassword: true }} hasEnded={false} />
  return (
    <Center h="100vh">
      <Trouble error={me.error} retry={() => void me.refetch()} />
    </Center>
  )
}

const root = createRootRoute({ component: Start })
const at = (path: string, load: () => Promise<Record<string, unknown>>, name: string) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load as never, name as never) })
const router = createRouter({
  defaultPreload: 'intent',
  defaultErrorComponent: ({ error, reset }) => <Trouble error={error} retry={reset} />,
  routeTree: root.addChildren([
    at('/', () => import('./pages/home.tsx'), 'Home'),
    at('/console/users', () => import('./pages/users.tsx'), 'Users'),
    at('/console/organization', () => import('./pages/organization.tsx'), 'Organization'),
    at('/console/access', () => import('./pages/access.tsx'), 'Access'),
    at('/console/checklists', () => import('./pages/checklists.tsx'), 'Checklists'),
    at('/console/audit', () => import('./pages/audit.tsx'), 'Audit'),
    at('/console/backups', () => import('./pages/backups.tsx'), 'Backups'),
    at('/console/jobs', () => import('./pages/jobs.tsx'), 'Jobs'),
    at('/console/keys', () => import('./pages/keys.tsx'), 'Keys'),
    at('/console/settings', () => import('./pages/settings.tsx'), 'Settings'),
    at('/console/leave', () => import('./pages/leave.tsx'), 'Leave'),
    at('/console/working-days', () => import('./pages/policy.tsx'), 'WorkingDays'),
    at('/console/tenants', () => import('./pages/tenants.tsx'), 'Tenants'),
    at('/console/attendance', () => import('./pages/attendance.tsx'), 'Attendance'),
    at('/console/campaigns', () => import('./pages/sales.tsx'), 'Campaigns'),
    at('/console/contacts', () => import('./pages/sales.tsx'), 'Contacts'),
    at('/console/assignments', () => import('./pages/assignments.tsx'), 'Assignments'),
    at('/console/links', () => import('./pages/links.tsx'), 'Links'),
    at('/console/teams', () => import('./pages/teams.tsx'), 'Teams'),
    at('/console/media', () => import('./pages/media.tsx'), 'Media'),
    at('/console/webhooks', () => import('./pages/webhooks.tsx'), 'Webhooks'),
  ]),
})

createRoot(document.getElementById('root') as HTMLElement).render(
  <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
    <Notifications />
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </MantineProvider>,
)
