import { readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Plugin } from 'esbuild'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export type Bundle = {
  /** Code by its path in the package: the handler, and each worker thread where its source would be. */
  code: Map<string, Uint8Array>
  /** Files that the code reads by an address beside its own source; they keep their paths. */
  assets: readonly string[]
  /** What went into it: paths of the repository. */
  inputs: readonly string[]
}

/** What a function cannot use, because it needs a disk, connections that last, or time after an answer: other engines, and the shipping of backups. */
const leftOut = /\/src\/(storage\/sqlite\/engine|storage\/postgres\/engine|backups)\.ts$/

/** The handler and what it loads only when it is asked for, as files of JavaScript beside each other, and its worker threads. What is native stays outside. The same sources give the same bytes. */
export async function bundle(): Promise<Bundle> {
  const code = new Map<string, Uint8Array>()
  const found = { assets: new Set<string>(), workers: new Set<string>() }
  const inputs = new Set<string>()
  async function add(entry: string, path: string): Promise<void> {
    const plugins = [addresses(path, found), withoutThose, plainHttp]
    const folder = join(root, dirname(path))
    const entryPoints = { [basename(path, '.mjs')]: entry }
    const built = await build({ ...settings, entryPoints, outdir: folder, plugins, write: false, metafile: true })
    for (const { path: file, contents } of built.outputFiles) code.set(relative(root, file), contents)
    for (const input of Object.keys(built.metafile.inputs)) inputs.add(input)
  }
  await add('src/deploy/lambda.ts', 'index.mjs')
  for (const worker of found.workers) await add(worker, compiled(worker))
  return { code, assets: [...found.assets].sort(), inputs: [...inputs].sort() }
}

const compiled = (source: string): string => source.replace(/\.ts$/, '.mjs')

const settings: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node22.18',
  format: 'esm',
  // what is imported when it is needed stays apart, so that a cold start reads no mail, KMS or workbook code
  splitting: true,
  outExtension: { '.js': '.mjs' },
  chunkNames: '[name]-[hash]',
  mainFields: ['module', 'main'],
  minifySyntax: true,
  // names stay, for whoever reads a stack
  minifyWhitespace: true,
  legalComments: 'none',
  external: ['@node-rs/argon2'],
  // packages of the older module system ask for Node's own modules
  banner: { js: "import{createRequire as requireHere}from'node:module';const require=requireHere(import.meta.url);" },
  logLevel: 'silent',
}

/** Each source keeps its own address though all are one file, so that what stands beside it is found, in the package as in the repository. */
function addresses(output: string, found: { assets: Set<string>; workers: Set<string> }): Plugin {
  return {
    name: 'addresses',
    setup({ onLoad }) {
      onLoad({ filter: /\/src\/.*\.ts$/, namespace: 'file' }, ({ path }) => {
        const text = readFileSync(path, 'utf8')
        const here = relative(root, path)
        const moved = text.replace(/new URL\('([^']+)', import\.meta\.url\)/g, (whole, file: string) => {
          const target = relative(root, resolve(dirname(path), file))
          if (!file.endsWith('.ts')) found.assets.add(target)
          else found.workers.add(target)
          return whole.replace(/\.ts'/, ".mjs'")
        })
        const back = relative(dirname(output), '.') || '.'
        const address = `new URL(${JSON.stringify(`${back}/${here}`)}, import.meta.url).href`
        return { contents: moved.replaceAll('import.meta.url', address), loader: 'ts', resolveDir: dirname(path) }
      })
    },
  }
}

const withoutThose: Plugin = {
  name: 'left out',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/(engine|backups)\.ts$/ }, ({ path, resolveDir }) => {
      const name = leftOut.exec(join(resolveDir, path))?.[1]
      return name === undefined ? null : { path: name, namespace: 'left-out' }
    })
    onResolve({ filter: /^(better-sqlite3|pg|pdfkit)$/ }, ({ path }) => ({ path, namespace: 'left-out' }))
    onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path: name }) => {
      const said = `${name} is not in the package for AWS Lambda: set HOLDFAST_STORAGE to dynamodb://<region>.`
      // in the older module system, so that whatever is asked of it by name is there to fail
      return {
        contents: `const refuse = function () { throw new Error(${JSON.stringify(said)}) }; module.exports = new Proxy(refuse, { get: () => refuse })`,
      }
    })
  },
}

/** As an ES module, Node's own `http` asks each of its exports, and one of them loads all of `fetch` and WebSockets, which nobody here uses. */
const plainHttp: Plugin = {
  name: 'plain http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?http$/ }, () => ({ path: 'http', namespace: 'plain-http' }))
    onLoad({ filter: /.*/, namespace: 'plain-http' }, () => ({ contents: "module.exports = process.getBuiltinModule('node:http')" }))
  },
}
