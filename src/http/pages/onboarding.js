// The page behind an onboarding link: steps, progress, completion. Plain JavaScript, nothing from elsewhere.
import { element, german, show, token } from './page.js'

const words = {
  en: {
    welcome: (name) => `Welcome to ${name}`,
    step: (at, of) => `Step ${at} of ${of}`,
    next: 'Next step',
    finish: 'Finish',
    account: 'Create your account',
    done: 'You are done. Welcome aboard!',
    signIn: (login) => `You can sign in as ${login} now.`,
    firstName: 'First name',
    lastName: 'Last name',
    email: 'E-mail address',
    username: 'Username (if you want another than your e-mail address)',
    password: 'Password (12 characters or more)',
    away: 'The server cannot be reached. What you typed is still here: try again.',
    again: 'Try again',
    sorry: 'This link does not lead anywhere',
    ask: 'Ask whoever gave it to you for a new one.',
  },
  de: {
    welcome: (name) => `Willkommen bei ${name}`,
    step: (at, of) => `Schritt ${at} von ${of}`,
    next: 'Nächster Schritt',
    finish: 'Abschließen',
    account: 'Konto anlegen',
    done: 'Fertig. Willkommen an Bord!',
    signIn: (login) => `Sie können sich jetzt als ${login} anmelden.`,
    firstName: 'Vorname',
    lastName: 'Nachname',
    email: 'E-Mail-Adresse',
    username: 'Benutzername (wenn er ein anderer als die E-Mail-Adresse sein soll)',
    password: 'Passwort (mindestens 12 Zeichen)',
    away: 'Der Server ist nicht erreichbar. Ihre Eingaben sind noch da: Versuchen Sie es noch einmal.',
    again: 'Noch einmal versuchen',
    sorry: 'Dieser Link führt nirgendwohin',
    ask: 'Fragen Sie, wer ihn Ihnen gegeben hat, nach einem neuen.',
  },
}

const text = german ? words.de : words.en
const address = `/api/admin/onboarding/o/${encodeURIComponent(token)}`

/** A name for this browser's way through a link that many use. */
function session() {
  const key = `onboarding ${token.slice(0, 6)}`
  const known = sessionStorage.getItem(key)
  if (known !== null) return known
  const made = Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(36).padStart(2, '0'))
    .join('')
    .slice(0, 40)
  sessionStorage.setItem(key, made)
  return made
}

async function ask(method, path = '', body = undefined, headers = {}) {
  const answer = await fetch(`${address}${path}`, {
    method,
    headers: { 'X-Onboarding-Session': session(), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { ok: answer.ok, status: answer.status, body: await answer.json() }
}

const sorry = (detail) => show(element('h1', { text: text.sorry }), element('p', { text: detail }), element('p', { text: text.ask }))
const away = (retry) => show(element('h1', { text: text.away }), element('button', { type: 'button', text: text.again, onclick: retry }))

function input(name, type, autocomplete, required) {
  const fields = { id: name, name, type, autocomplete }
  return [element('label', { for: name, text: text[name] }), element('input', required ? { ...fields, required: '' } : fields)]
}

const wireNames = { firstName: 'first_name', lastName: 'last_name', email: 'email', username: 'username', password: 'password' }

function renderStep(link, step) {
  const isLast = step >= link.total_steps
  const wrong = element('p', { class: 'wrong', role: 'alert', text: '' })
  const button = element('button', { type: 'submit', text: isLast ? (link.creates_user ? text.account : text.finish) : text.next })
  const hasForm = isLast && link.creates_user === true
  const form = element(
    'form',
    { novalidate: '' },
    ...(hasForm
      ? [
          ...input('firstName', 'text', 'given-name', true),
          ...input('lastName', 'text', 'family-name', true),
          ...input('email', 'email', 'email', true),
          ...input('username', 'text', 'username', false),
          ...input('password', 'password', 'new-password', true),
        ]
      : []),
    wrong,
    button,
  )
  // one key for each try to finish, so that a lost answer makes nobody twice
  let key = crypto.randomUUID()
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    button.disabled = true
    wrong.textContent = ''
    try {
      if (!isLast) {
        const next = step + 1
        const percent = Math.floor((step * 100) / link.total_steps)
        await ask('PUT', '/progress', { current_step: next, progress_percentage: percent })
        return renderStep(link, next)
      }
      const given = Object.fromEntries(
        [...new FormData(form)].filter(([, value]) => value !== '').map(([name, value]) => [wireNames[name], value]),
      )
      const answer = await ask('POST', '/complete', given, { 'Idempotency-Key': key })
      if (answer.ok) return finish(answer.body.data)
      key = crypto.randomUUID()
      wrong.textContent = answer.body.detail
      for (const [name, wire] of Object.entries(wireNames))
        form.elements[name]?.setAttribute('aria-invalid', String((answer.body.errors ?? []).some(({ field }) => field === wire)))
      if (answer.status === 404) sorry(answer.body.detail)
    } catch {
      wrong.textContent = text.away
    } finally {
      button.disabled = false
    }
  })
  show(
    element('h1', { text: text.welcome(link.organization_name) }),
    element('p', { text: link.welcome_message }),
    element('p', { id: 'step', text: text.step(step, link.total_steps) }),
    element('progress', { max: String(link.total_steps), value: String(step), 'aria-labelledby': 'step' }),
    form,
  )
}

function finish(account) {
  show(element('h1', { text: text.done }), ...(account === undefined ? [] : [element('p', { text: text.signIn(account.login) })]))
}

async function start() {
  try {
    const { ok, body } = await ask('GET')
    if (!ok) return sorry(body.detail)
    document.title = text.welcome(body.data.organization_name)
    renderStep(body.data, Math.max(1, body.data.current_step))
  } catch {
    away(start)
  }
}

void start()
