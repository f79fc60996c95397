import { Button, Center, Paper, PasswordInput, Stack, TextInput, Title } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { Trouble } from './parts.tsx'
import { holdfast, queries, Refusal } from './server.ts'
import { useWords } from './words.ts'

export function SignIn({ said }: { said?: string }) {
  const say = useWords()
  const [given, give] = useState({ login: '', password: '', tenant: '', code: '' })
  const [wantsCode, wantCode] = useState(false)
  const [error, fail] = useState<unknown>(said === undefined ? null : new Error(said))
  const [isBusy, busy] = useState(false)
  const field = (name: keyof typeof given) => ({
    value: given[name],
    onChange: (event: { currentTarget: { value: string } }) => give({ ...given, [name]: event.currentTarget.value }),
  })
  async function go(event: FormEvent) {
    event.preventDefault()
    busy(true)
    fail(null)
    const { login, password, tenant, code } = given
    try {
      const problem = await holdfast.signIn({ login, password, ...(tenant ? { tenant } : {}), ...(code ? { code } : {}) })
      if (problem?.code === 'second_factor_required') wantCode(true)
      if (problem !== null) fail(new Refusal(problem))
      else await queries.resetQueries()
    } catch (lost) {
      fail(lost)
    }
    busy(false)
  }
  return (
    <Center component="main" mih={said === undefined ? '100vh' : undefined} p="md">
      <Paper withBorder p="xl" w={380} maw="100%">
        <form onSubmit={(event) => void go(event)}>
          <Stack>
            <Title order={1} size="h3">
              Holdfast · {say('signIn.title')}
            </Title>
            <TextInput label={say('signIn.login')} autoComplete="username" required {...field('login')} />
            <PasswordInput label={say('signIn.password')} autoComplete="current-password" required {...field('password')} />
            {wantsCode && (
              <TextInput label={say('signIn.code')} inputMode="numeric" autoComplete="one-time-code" autoFocus {...field('code')} />
            )}
            <TextInput label={say('signIn.tenant')} {...field('tenant')} />
            <Trouble error={error} />
            <Button type="submit" loading={isBusy}>
              {say('signIn.go')}
            </Button>
          </Stack>
        </form>
      </Paper>
    </Center>
  )
}
