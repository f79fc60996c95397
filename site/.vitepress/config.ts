import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitepress'

const docs = new URL('../../docs/', import.meta.url)
const titleOf = (name: string): string => /^# (.*)$/m.exec(readFileSync(new URL(name, docs), 'utf8'))?.[1] ?? name
const page = (name: string) => ({ text: titleOf(`${name}.md`), link: `/${name}` })
const pagesOf = (folder: string) =>
  readdirSync(new URL(folder, docs))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => page(`${folder}/${name.slice(0, -3)}`))

/** The handbook as a site: `npm run docs`. The pages are docs/, which read as well in a checkout. */
export default defineConfig({
  title: 'Holdfast',
  description: 'The accounts-and-records backend that never loses anyone',
  // a copy of docs/, made by build.mjs: pages find Vue only below this package
  srcDir: './pages',
  outDir: './dist',
  cacheDir: './.cache',
  cleanUrls: true,
  lastUpdated: false,
  // tags and braces of running text are words, not Vue
  markdown: { html: false },
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Tutorial', link: '/tutorial' },
      { text: 'Backups', link: '/backups' },
      { text: 'API', link: '/reference/api' },
    ],
    sidebar: [
      { text: 'Start', items: [page('tutorial'), page('console'), page('imports')] },
      { text: 'Coming from', items: pagesOf('guides') },
      {
        text: 'Operate',
        items: ['deploy', 'aws', 'operations', 'backups', 'moving', 'monitoring', 'audit', 'webhooks', 'chaos'].map(page),
      },
      { text: 'Reference', items: [...pagesOf('reference'), page('errors')] },
      { text: 'Surfaces', collapsed: true, items: pagesOf('surfaces') },
      { text: 'Engines', collapsed: true, items: pagesOf('engines') },
      { text: 'Why', items: [...pagesOf('explanation'), page('architecture'), page('results')] },
      { text: 'Decisions', collapsed: true, items: pagesOf('decisions') },
    ],
  },
})
