import { useSyncExternalStore } from 'react'
import { de } from './messages/de.ts'
import { en } from './messages/en.ts'

export type Word = keyof typeof en
type Language = 'en' | 'de'
const catalogues: Record<Language, Record<Word, string>> = { en, de }
const listeners = new Set<() => void>()
let language: Language = (localStorage.getItem('holdfast-language') ?? navigator.language).startsWith('de') ? 'de' : 'en'
document.documentElement.lang = language

export function switchLanguage(): void {
  language = language === 'en' ? 'de' : 'en'
  localStorage.setItem('holdfast-language', language)
  document.documentElement.lang = language
  for (const tell of listeners) tell()
}

const say = (word: Word, values: Record<string, string | number> = {}): string =>
  catalogues[language][word].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))

/** The words of the chosen language; the component is shown again when it changes. */
export function useWords() {
  useSyncExternalStore(
    (tell) => {
      listeners.add(tell)
      return () => void listeners.delete(tell)
    },
    () => language,
  )
  return say
}

export const showTime = (time: string | null): string =>
  time === null ? '' : new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(time))
export const showNumber = (value: number): string => new Intl.NumberFormat(language).format(value)
