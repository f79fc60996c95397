// The page behind a customer's appointment: what is to be done, when it suits, and what was answered.
import { element, german, show, token } from './page.js'

const words = {
  en: {
    title: 'Your appointment',
    at: 'Address',
    call: 'Service call',
    until: (day) => `You can use this link until ${day}.`,
    name: 'Your name',
    email: 'E-mail address',
    phone: 'Phone number',
    times: 'When does it suit you?',
    choose: 'Choose a time',
    day: 'Day',
    from: 'From',
    to: 'To',
    another: 'Suggest another time',
    without: 'Leave this time out',
    message: 'Message',
    special: 'Anything that we should know, such as a gate code or a dog',
    send: 'Send',
    change: 'Change it',
    sent: 'Thank you. We will answer soon.',
    saved: 'This is what you sent. You can still change it.',
    approved: 'Your appointment is confirmed.',
    rejected: 'This appointment could not be confirmed.',
    completed: 'This appointment is done.',
    chosen: 'Time',
    answer: 'Our answer',
    needTime: 'Give a day, and from when to when.',
    order: 'The time must end after it begins.',
    away: 'The server cannot be reached. What you typed is still here: try again.',
    again: 'Try again',
    sorry: 'This link does not lead anywhere',
    ask: 'Ask whoever gave it to you for a new one.',
  },
  de: {
    title: 'Ihr Termin',
    at: 'Adresse',
    call: 'Auftrag',
    until: (day) => `Sie können diesen Link bis zum ${day} benutzen.`,
    name: 'Ihr Name',
    email: 'E-Mail-Adresse',
    phone: 'Telefonnummer',
    times: 'Wann passt es Ihnen?',
    choose: 'Eine Zeit wählen',
    day: 'Tag',
    from: 'Von',
    to: 'Bis',
    another: 'Noch eine Zeit vorschlagen',
    without: 'Diese Zeit weglassen',
    message: 'Nachricht',
    special: 'Was wir wissen sollten, etwa ein Torcode oder ein Hund',
    send: 'Senden',
    change: 'Ändern',
    sent: 'Danke. Wir antworten bald.',
    saved: 'Das haben Sie geschickt. Sie können es noch ändern.',
    approved: 'Ihr Termin ist bestätigt.',
    rejected: 'Dieser Termin konnte nicht bestätigt werden.',
    completed: 'Dieser Termin ist erledigt.',
    chosen: 'Zeit',
    answer: 'Unsere Antwort',
    needTime: 'Geben Sie einen Tag an, und von wann bis wann.',
    order: 'Die Zeit muss nach ihrem Beginn enden.',
    away: 'Der Server ist nicht erreichbar. Ihre Eingaben sind noch da: Versuchen Sie es noch einmal.',
    again: 'Noch einmal versuchen',
    sorry: 'Dieser Link führt nirgendwohin',
    ask: 'Fragen Sie, wer ihn Ihnen gegeben hat, nach einem neuen.',
  },
}

const text = german ? words.de : words.en
document.title = text.title
const address = `/fsm/appointments/token/${encodeURIComponent(token)}`
const mostTimes = 5

async function ask(method, body = undefined) {
  const answer = await fetch(address, {
    method,
    ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  })
  return { ok: answer.ok, status: answer.status, body: await answer.json() }
}

const locale = german ? 'de' : 'en'
const day = (time) => new Intl.DateTimeFormat(locale, { dateStyle: 'long' }).format(new Date(time))
const spoken = ({ startTime, endTime }) => {
  const [start, end] = [new Date(startTime), new Date(endTime)]
  if (Number.isNaN(start.getTime()) || Number.isNaN(end.getTime())) return `${startTime} – ${endTime}`
  return new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' }).formatRange(start, end)
}
const two = (number) => String(number).padStart(2, '0')
const localDay = (time) => `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
const localHour = (time) => `${two(time.getHours())}:${two(time.getMinutes())}`

const sorry = (detail) => show(element('h1', { text: text.sorry }), element('p', { text: detail }), element('p', { text: text.ask }))
const away = (retry) => show(element('h1', { text: text.away }), element('button', { type: 'button', text: text.again, onclick: retry }))

const fact = (name, value) => (value ? [element('dt', { text: name }), element('dd', { text: value })] : [])

/** What it is about, the same whether it can be changed or not. */
function about({ fsmActivity: { subject, code, equipment, serviceCallNumber } }) {
  return [
    element('h1', { text: subject || code || text.title }),
    element('dl', {}, ...fact(text.at, equipment?.address || equipment?.name), ...fact(text.call, serviceCallNumber)),
  ]
}

function field(name, { label, type, autocomplete }, value) {
  const isLong = type === 'textarea'
  const input = element(isLong ? 'textarea' : 'input', {
    id: name,
    name,
    maxlength: '2000',
    ...(isLong ? { rows: '3' } : { type }),
    ...(autocomplete === null ? {} : { autocomplete }),
  })
  input.value = value ?? ''
  return [element('label', { for: name, text: label }), input]
}

let counted = 0
/** One time that suits, with its day, beginning and end in the zone of whoever reads this. */
function timeRow(slot, removed) {
  counted += 1
  const [start, end] = slot === null ? [null, null] : [new Date(slot.startTime), new Date(slot.endTime)]
  const part = (name, type, value) => {
    const input = element('input', { id: `${name}${counted}`, name, type })
    if (value !== null) input.value = value
    return element('div', {}, element('label', { for: `${name}${counted}`, text: text[name] }), input)
  }
  const row = element(
    'div',
    { class: 'time', role: 'group', 'aria-label': text.times },
    part('day', 'date', start === null ? null : localDay(start)),
    part('from', 'time', start === null ? null : localHour(start)),
    part('to', 'time', end === null ? null : localHour(end)),
    element('button', { type: 'button', class: 'small', text: '×', 'aria-label': text.without, onclick: leave }),
  )
  function leave() {
    row.remove()
    removed()
  }
  row.dataset.id = slot?.id ?? crypto.randomUUID()
  return row
}

/** The times of a form; a sentence when one of them is none. */
function timesOf(rows) {
  const slots = []
  for (const row of rows) {
    const [dayGiven, from, to] = ['day', 'from', 'to'].map((name) => row.querySelector(`[name=${name}]`).value)
    if (dayGiven === '' && from === '' && to === '') continue
    if (dayGiven === '' || from === '' || to === '') return text.needTime
    const [start, end] = [new Date(`${dayGiven}T${from}`), new Date(`${dayGiven}T${to}`)]
    if (end <= start) return text.order
    slots.push({ id: row.dataset.id, startTime: start.toISOString(), endTime: end.toISOString() })
  }
  return slots
}

function renderForm(offer) {
  const { customerBooking: booking, validUntil } = offer
  const given = booking.preferredTimeSlots ?? []
  const offered = given.filter(({ isAvailable }) => isAvailable !== undefined)
  const rows = element('div')
  const another = element('button', { type: 'button', class: 'small', text: text.another })
  const counts = () => {
    another.hidden = rows.children.length >= mostTimes
  }
  const add = (slot) => rows.append(timeRow(slot, counts))
  another.addEventListener('click', () => {
    add(null)
    counts()
  })
  for (const slot of given.filter(({ isAvailable }) => isAvailable === undefined)) add(slot)
  if (rows.children.length === 0 && offered.length === 0) add(null)
  counts()
  const choices = offered
    .filter(({ isAvailable }) => isAvailable)
    .map((slot) => {
      const input = element('input', { type: 'radio', name: 'offered', value: slot.id, ...(slot.isSelected ? { checked: '' } : {}) })
      return element('label', { class: 'choice' }, input, element('span', { text: spoken(slot) }))
    })
  const wrong = element('p', { class: 'wrong', role: 'alert', text: '' })
  const button = element('button', { type: 'submit', text: booking.status === 'draft' ? text.send : text.change })
  const form = element(
    'form',
    { novalidate: '' },
    ...field('customerName', { label: text.name, type: 'text', autocomplete: 'name' }, booking.customerName),
    ...field('customerEmail', { label: text.email, type: 'email', autocomplete: 'email' }, booking.customerEmail),
    ...field('customerPhone', { label: text.phone, type: 'tel', autocomplete: 'tel' }, booking.customerPhone),
    element('h2', { text: text.times }),
    ...(choices.length === 0 ? [] : [element('div', { role: 'radiogroup', 'aria-label': text.choose }, ...choices)]),
    rows,
    another,
    ...field('customerMessage', { label: text.message, type: 'textarea', autocomplete: null }, booking.customerMessage),
    ...field('specialRequirements', { label: text.special, type: 'textarea', autocomplete: null }, booking.specialRequirements),
    wrong,
    button,
  )
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    wrong.textContent = ''
    const own = timesOf([...rows.children])
    if (typeof own === 'string') {
      wrong.textContent = own
      return
    }
    const fields = new FormData(form)
    const chosen = fields.get('offered')
    const body = { preferredTimeSlots: [...offered.map((slot) => ({ ...slot, isSelected: slot.id === chosen })), ...own] }
    for (const name of ['customerName', 'customerEmail', 'customerPhone', 'customerMessage', 'specialRequirements']) {
      const value = String(fields.get(name)).trim()
      if (value !== '' || booking[name] !== undefined) body[name] = value
    }
    const first = offered.find(({ id }) => id === chosen) ?? own[0]
    if (first !== undefined) body.requestedDateTime = first.startTime
    button.disabled = true
    try {
      const answer = await ask('PUT', body)
      if (answer.ok) return void start(text.sent)
      if (answer.status === 404 || answer.status === 410) return sorry(answer.body.message)
      if (answer.status === 409) return void start()
      wrong.textContent = answer.body.message
    } catch {
      wrong.textContent = text.away
    } finally {
      button.disabled = false
    }
  })
  return [form, element('p', { class: 'minor', text: text.until(day(validUntil)) })]
}

/** What was answered, and nothing to type into. */
function renderAnswer({ status, fsmResponse: answer, customerBooking: booking }) {
  const said = { CONFIRMED: text.approved, REJECTED: text.rejected, COMPLETED: text.completed }[status]
  const slot = answer?.selectedTimeSlot
  const chosen = typeof slot === 'string' ? booking.preferredTimeSlots?.find(({ id }) => id === slot) : slot
  const time = chosen === undefined ? (typeof slot === 'string' ? slot : booking.requestedDateTime) : spoken(chosen)
  return [
    element('p', { role: 'status', class: 'said', text: said }),
    element('dl', {}, ...fact(text.chosen, status === 'REJECTED' ? '' : time), ...fact(text.answer, answer?.fsmMessage)),
  ]
}

async function start(note = '') {
  try {
    const { ok, body } = await ask('GET')
    if (!ok) return sorry(body.message)
    const { data } = body
    const isOver = ['CONFIRMED', 'REJECTED', 'COMPLETED'].includes(data.status)
    const said = note !== '' ? note : data.customerBooking.status === 'draft' ? '' : text.saved
    show(
      ...about(data),
      ...(isOver || said === '' ? [] : [element('p', { role: 'status', class: 'said', text: said })]),
      ...(isOver ? renderAnswer(data) : renderForm(data)),
    )
  } catch {
    away(() => start(note))
  }
}

void start()
