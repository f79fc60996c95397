import { describe, expect, test } from 'vitest'
import { create } from '../kernel/change.ts'
import { AppError } from '../kernel/errors.ts'
import { blankContact, Contact, type ContactRow } from './entity.ts'
import { type LeadInput, readLead } from './lead-input.ts'
import { isUnchanged, readNumber, readText, shown } from './text-rules.ts'

const lead = (fields: Partial<ContactRow> = {}): ContactRow =>
  create(
    Contact,
    '0195a000-0000-7000-8000-000000000001',
    {
      ...blankContact,
      number: 1,
      leadStatus: 'new',
      priority: 'medium',
      score: 75,
      practiceName: 'Elm',
      ownerName: 'Iris',
      practicePhone: '1',
      ...fields,
    } as never,
    '2026-03-01T08:00:00.000Z',
  )

const whole = { practiceName: 'Elm', ownerName: 'Iris', practicePhone: '1' }

/** Code and field of the first refusal. */
function refusal(input: LeadInput, before: ContactRow | null = null): string {
  try {
    readLead(input, before)
    return 'none'
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return `${error.code} ${error.errors?.[0]?.field}`
  }
}

describe('texts', () => {
  test('with angle brackets, control characters or half a character are refused', () => {
    const control = [...Array(32).keys(), 127, 128, 159]
      .filter((code) => ![9, 10, 13].includes(code))
      .map((code) => String.fromCharCode(code))
    for (const bad of ['<', '>', ...control, '\ud800'])
      expect(() => readText('city', `a${bad}b`, 500)).toThrow('characters that are not allowed')
  })

  test('keep tab, line ends and whatever else people write', () => {
    for (const good of ['a\tb', 'a\nb', 'a\r\nb', "O'Hara & Söhne “x” 😀 ‹y›", '  blanks  ']) expect(readText('city', good, 500)).toBe(good)
  })

  test('are counted in characters, up to the limit and not beyond', () => {
    expect(readText('city', '😀'.repeat(200), 200)).toHaveLength(400)
    expect(() => readText('city', '😀'.repeat(201), 200)).toThrow('is too long')
    expect(() => readText('city', 'x'.repeat(201), 200)).toThrow('is too long')
  })

  test('that are absent are null, and what is no text is refused', () => {
    for (const none of [undefined, null, '']) expect(readText('city', none, 10)).toBeNull()
    for (const odd of [0, 7, true, [], {}]) expect(() => readText('city', odd, 10)).toThrow('must be a text')
  })

  test('are shown without angle brackets, and both forms count as unchanged', () => {
    expect(shown('<b>Elm</b>')).toBe('‹b›Elm‹/b›')
    expect(shown(null)).toBe('')
    for (const same of ['<b>', '‹b›']) expect(isUnchanged(same, '<b>')).toBe(true)
    for (const same of [null, '']) expect(isUnchanged(same, null)).toBe(true)
    for (const other of [null, '', '<b', 7]) expect(isUnchanged(other, '<b>')).toBe(false)
  })
})

test('a number is a positive integer of up to 15 digits, or its digits', () => {
  for (const good of [1, 42, 999_999_999_999_999, '7', '123456789012345']) expect(readNumber(good)).toBe(Number(good))
  for (const bad of [0, -1, 1.5, 1e15, '0', '-1', '1e3', '1.0', ' 7', '07', '1234567890123456', '', null, true, [], Number.NaN])
    expect(readNumber(bad)).toBeNull()
})

describe('a new lead', () => {
  test('needs its three texts, asked for in this order', () => {
    expect(refusal({})).toBe('field_required practiceName')
    expect(refusal({ practiceName: 'Elm' })).toBe('field_required ownerName')
    expect(refusal({ practiceName: 'Elm', ownerName: 'Iris' })).toBe('field_required practicePhone')
    for (const blank of [null, '', ' \t\n']) expect(refusal({ ...whole, ownerName: blank })).toBe('field_required ownerName')
    expect(refusal({ practicePhone: '<' })).toBe('field_required practiceName')
  })

  test('has texts up to their limits', () => {
    const limits = { practiceName: 200, ownerName: 200, practicePhone: 50, ownerPhone: 50, fax: 50, address: 500, leadType: 500, npi: 500 }
    for (const [field, limit] of Object.entries(limits)) {
      expect(refusal({ ...whole, [field]: 'x'.repeat(limit) })).toBe('none')
      expect(refusal({ ...whole, [field]: 'x'.repeat(limit + 1) })).toBe(`text_too_long ${field}`)
      expect(refusal({ ...whole, [field]: 'a>b' })).toBe(`text_not_allowed ${field}`)
    }
  })

  test('has a score that is a whole number from 0 to 100, also as digits', () => {
    for (const score of [0, 100, '0', '100', '85']) expect(readLead({ ...whole, score }, null).score).toBe(Number(score))
    for (const score of [-1, 101, 1.5, '101', '-1', '1.5', '', 'x', true, []])
      expect(refusal({ ...whole, score })).toBe('score_invalid score')
    for (const score of [undefined, null]) expect(readLead({ ...whole, score }, null)).not.toHaveProperty('score')
  })

  test('has a status and a priority of the known words, or the default', () => {
    expect(readLead({ ...whole, leadStatus: 'QUALIFIED', priority: 'Low' }, null)).toMatchObject({
      leadStatus: 'qualified',
      priority: 'low',
    })
    expect(readLead({ ...whole, leadStatus: '', priority: '' }, null)).toEqual(whole)
    for (const leadStatus of ['assigned', 7, {}]) expect(refusal({ ...whole, leadStatus })).toBe('status_invalid leadStatus')
    for (const priority of ['urgent', 7]) expect(refusal({ ...whole, priority })).toBe('priority_invalid priority')
  })

  test('has an address that looks like one', () => {
    expect(refusal({ ...whole, email: `${'x'.repeat(242)}@example.org` })).toBe('none')
    expect(refusal({ ...whole, email: `${'x'.repeat(243)}@example.org` })).toBe('text_too_long email')
    for (const email of ['x', 'x@y', '@example.org', 'a b@example.org']) expect(refusal({ ...whole, email })).toBe('email_invalid email')
    expect(readLead({ ...whole, email: '' }, null).email).toBeNull()
  })
})

describe('a change', () => {
  const odd = lead({ practiceName: '<i>Elm</i>', ownerName: null, email: 'nonsense', city: 'x'.repeat(600) })

  test('asks nothing of a value that is stored or was shown', () => {
    const same = {
      practiceName: '‹i›Elm‹/i›',
      ownerName: '',
      practicePhone: '1',
      email: 'nonsense',
      city: odd.city,
      score: '75',
      leadStatus: 'NEW',
      priority: 'medium',
    }
    expect(readLead(same, odd)).toEqual({ priority: 'medium' })
    expect(readLead({ ...same, practiceName: '<i>Elm</i>' }, odd)).toEqual({ priority: 'medium' })
  })

  test('asks of a new value what it asks of a new lead', () => {
    expect(refusal({ practiceName: '<b>Elm</b>' }, odd)).toBe('text_not_allowed practiceName')
    expect(refusal({ email: 'nonsense2' }, odd)).toBe('email_invalid email')
    expect(refusal({ score: 101 }, odd)).toBe('score_invalid score')
  })

  test('never blanks a required text that has a value, and may leave blank what was', () => {
    for (const blank of [null, '', '  ']) {
      expect(refusal({ practiceName: blank }, odd)).toBe('field_required practiceName')
      expect(refusal({ ownerName: blank }, odd)).toBe('none')
    }
  })

  test('takes an empty status or priority for no change', () => {
    expect(readLead({ leadStatus: '', priority: '' }, odd)).toEqual({})
  })
})
