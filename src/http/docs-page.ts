type Page = { title: string; styles: readonly string[]; scripts: readonly string[]; body: string }

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign)

/** A page whose every script and style is a file of `/docs/assets`. */
export const page = ({ title, styles, scripts, body }: Page): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" type="image/png" href="/docs/assets/favicon.png">
${styles.map((file) => `<link rel="stylesheet" href="/docs/assets/${file}">`).join('\n')}
${scripts.map((file) => `<script defer src="/docs/assets/${file}"></script>`).join('\n')}
</head>
<body>
<header><a href="/docs">API reference</a> <a href="/docs/errors">Errors</a> <a href="/openapi.json">openapi.json</a></header>
${body}
</body>
</html>
`

/** docs/errors.md as a page. Each code is an anchor: `/docs/errors#username_taken`. */
export const errorPage = (markdown: string): string =>
  page({ title: 'Holdfast: errors', styles: ['docs.css'], scripts: [], body: `<main>\n${render(markdown)}\n</main>` })

/** The little Markdown that errors.md is written in: headings, paragraphs, tables, code. Whatever else there is shows as it stands. */
function render(markdown: string): string {
  return markdown
    .trim()
    .split(/\n{2,}/)
    .map((block) => {
      const heading = /^(#{1,3}) (.+)$/.exec(block)
      if (heading !== null) return `<h${heading[1]?.length}>${inline(heading[2] ?? '')}</h${heading[1]?.length}>`
      return block.startsWith('| ') ? table(block.split('\n')) : `<p>${inline(block)}</p>`
    })
    .join('\n')
}

const inline = (text: string): string => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>')

const cells = (line: string): string[] => line.replace(/^\| | \|$/g, '').split(' | ')

function table([head = '', , ...rows]: string[]): string {
  const body = rows.map((line) => {
    const [code = '', ...rest] = cells(line)
    const link = `<a href="#${escapeHtml(code)}"><code>${escapeHtml(code)}</code></a>`
    return `<tr id="${escapeHtml(code)}"><td>${link}</td>${rest.map((cell) => `<td>${inline(cell)}</td>`).join('')}</tr>`
  })
  const titles = cells(head).map((cell) => `<th scope="col">${inline(cell)}</th>`)
  return `<table>\n<thead><tr>${titles.join('')}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>\n</table>`
}
