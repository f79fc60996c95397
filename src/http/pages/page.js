// What the public pages share. Plain JavaScript, nothing from elsewhere.
export const german = navigator.language.toLowerCase().startsWith('de')
document.documentElement.lang = german ? 'de' : 'en'
export const token = location.pathname.split('/').filter(Boolean).at(-1)
const main = document.getElementById('page')

export function element(name, fields = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(fields)) {
    if (key === 'text') made.textContent = value
    else if (key.startsWith('on')) made.addEventListener(key.slice(2), value)
    else made.setAttribute(key, value)
  }
  made.append(...children)
  return made
}

export function show(...children) {
  main.replaceChildren(element('section', {}, ...children))
  main.querySelector('h1')?.setAttribute('tabindex', '-1')
  main.querySelector('h1')?.focus()
}
