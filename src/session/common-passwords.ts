import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

type Lists = { words: ReadonlySet<string>; passwords: ReadonlySet<string> }

let lists: Lists | null = null

/**
 * Common words of 5 to 11 letters, and common passwords of 12 characters and more, in lower case and NFC. Read from the file beside this
 * one at the first call (about 20 ms).
 */
function commonLists(): Lists {
  lists ??= readLists()
  return lists
}

function readLists(): Lists {
  const text = gunzipSync(readFileSync(new URL('./common-passwords.txt.gz', import.meta.url))).toString()
  const [words = '', passwords = ''] = text.trimEnd().split('\n\n')
  return { words: new Set(words.split('\n')), passwords: new Set(passwords.split('\n')) }
}

/**
 * Whether an attacker tries this password early: it is on the list, plainly or with digits and signs for letters; it is a common word, once
 * or twice, with the usual tail (`1234`, `2024!`); it repeats up to six characters; or it is at most two runs along the keyboard or the
 * alphabet. Case makes no difference. Offline; which list: docs/decisions/0002-common-passwords.md.
 */
export function isCommonPassword(password: string): boolean {
  const folded = password.normalize('NFC').toLowerCase()
  return isListed(folded) || isWordWithTail(folded) || repeats(folded) || runs(folded) <= 2
}

const isListed = (text: string): boolean => spellings(text).some((spelling) => commonLists().passwords.has(spelling))

function isWordWithTail(text: string): boolean {
  const match = /^[^\p{L}\p{N}]{0,2}(.+?)[^\p{L}\p{N}]?(\d*)[^\p{L}\p{N}]{0,4}$/u.exec(text)
  const [, word = '', digits = ''] = match ?? []
  const half = word.slice(0, word.length / 2)
  return isUsualNumber(digits) && [word, half + half === word ? half : word].some(isWord)
}

const isWord = (text: string): boolean => spellings(text).some((spelling) => commonLists().words.has(spelling))

/** Up to two digits, a year, one digit again and again, or counting up or down. */
const isUsualNumber = (digits: string): boolean =>
  /^(\d{0,2}|(19|20)\d\d|(\d)\3*)$/.test(digits) ||
  '01234567890123456789'.includes(digits) ||
  '98765432109876543210'.includes(digits) ||
  repeats(digits)

const repeats = (text: string): boolean =>
  [1, 2, 3, 4, 5, 6].some((period) => text.length >= 2 * period && text.slice(period) === text.slice(0, -period))

const letterOf: Record<string, string> = {
  '@': 'a',
  '4': 'a',
  '8': 'b',
  '3': 'e',
  '9': 'g',
  '!': 'i',
  '1': 'i',
  '0': 'o',
  $: 's',
  '5': 's',
  '7': 't',
  '2': 'z',
}

/** As it is, and with the letters that digits and signs stand for; a 1 may be an i or an l. */
function spellings(text: string): string[] {
  const letters = (one: string) => text.replace(/[@483915!0$72]/g, (sign) => (sign === '1' ? one : (letterOf[sign] ?? sign)))
  return [text, letters('i'), letters('l')]
}

const keyboard = ['`1234567890-=', 'qwertyuiop[]\\', "asdfghjkl;'", 'zxcvbnm,./']
const shifted = ['~!@#$%^&*()_+', '', '', '']
const rowStart = [0, 1.5, 1.75, 2.25] // in key widths, US layout
const keys = new Map(
  [keyboard, shifted].flatMap((rows) =>
    rows.flatMap((row, y) => [...row].map((key, i) => [key, { x: i + (rowStart[y] ?? 0), y }] as const)),
  ),
)

/** How many runs the text falls into, where a run goes on to the same key, a neighbouring key, or the next or previous character. */
function runs(text: string): number {
  const characters = [...text]
  return characters.filter((character, i) => i === 0 || !isNext(characters[i - 1] ?? '', character)).length
}

function isNext(from: string, to: string): boolean {
  if (Math.abs((from.codePointAt(0) ?? 0) - (to.codePointAt(0) ?? 0)) <= 1) return true
  const [a, b] = [keys.get(from), keys.get(to)]
  return a !== undefined && b !== undefined && Math.abs(a.x - b.x) <= 1 && Math.abs(a.y - b.y) <= 1
}
