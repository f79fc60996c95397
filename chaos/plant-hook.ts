// Loaded before everything else into a server under test, on each of its threads: edits the sources of one planted bug.
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { plants } from './plants.ts'

const root = join(import.meta.dirname, '..')
const plant = plants[process.env.CHAOS_PLANT ?? '']
if (plant === undefined) throw new Error(`No planted bug is called ${process.env.CHAOS_PLANT}`)
const edits = plant.edits.map((edit) => ({ ...edit, url: pathToFileURL(join(root, edit.file)).href }))

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    const here = edits.filter((edit) => edit.url === url)
    if (here.length === 0) return loaded
    let text = Buffer.from(loaded.source as Uint8Array).toString()
    for (const { file, from, to } of here) {
      const parts = text.split(from)
      if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times what the planted bug replaces: ${from}`)
      text = parts.join(to)
    }
    return { ...loaded, source: text }
  },
})
