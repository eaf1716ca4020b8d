import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { operations } from '../src/contract/operations.ts'

// Who may import whom. A lower layer never imports a higher one; a module sees another module only as a type.
const layers = ['src/lib', 'src/contract', 'src/infra', 'src/modules', 'src/flows', 'src/protocols', 'src/app.ts', 'src/serve.ts']
const layerOf = (file: string) => layers.findIndex((layer) => file.startsWith(layer))
const moduleOf = (file: string) => /^src\/modules\/([\w-]+\/[\w-]+)\//.exec(file)?.[1]

type Import = { readonly from: string; readonly to: string; readonly typeOnly: boolean }
const walk = (folder: string): string[] =>
  fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => path.join(folder, file)) : []
const sources = ['src', 'web', 'examples', 'bench', 'test'].flatMap(walk).filter((file) => /\.tsx?$/.test(file))
const product = sources.filter((file) => /^(src|web)\//.test(file) && !/\.test\.tsx?$/.test(file))
const textOf = (file: string) => fs.readFileSync(file, 'utf8')
const imports: readonly Import[] = product.flatMap((from) =>
  [...textOf(from).matchAll(/^(?:import|export)\s(type\s)?(?:[^'"]*?\sfrom\s)?'(\.[^']+)'/gm)].map((match) => ({
    from,
    to: path.join(path.dirname(from), match[2]!),
    typeOnly: match[1] !== undefined,
  })),
)
const shown = ({ from, to }: Import) => `${from} → ${to}`

test('an import only points down the layers', () => {
  expect(imports.filter((i) => layerOf(i.from) >= 0 && layerOf(i.to) > layerOf(i.from)).map(shown)).toEqual([])
})

test('a module reaches another module only through its index, as a type', () => {
  const across = imports.filter((i) => moduleOf(i.from) && moduleOf(i.to) && moduleOf(i.from) !== moduleOf(i.to))
  expect(across.filter((i) => !(i.typeOnly && i.to.endsWith('/index.ts'))).map(shown)).toEqual([])
})

test('flows and protocols know modules as types only: values arrive from app.ts', () => {
  const reached = imports.filter((i) => /^src\/(flows|protocols)\//.test(i.from) && moduleOf(i.to))
  expect(reached.filter((i) => !i.typeOnly).map(shown)).toEqual([])
})

test('the console and the command line see the contract and lib only', () => {
  const outside = imports.filter((i) => i.from.startsWith('web/') && !/^(web|src\/contract|src\/lib)\//.test(i.to))
  const command = imports.filter((i) => i.from.startsWith('src/cli/') && !/^src\/(cli|contract|lib)\/|^src\/infra\/config\.ts$/.test(i.to))
  expect([...outside, ...command].map(shown)).toEqual([])
})

test('there are no import cycles', () => {
  const next = new Map<string, string[]>()
  for (const i of imports) if (!i.typeOnly) next.set(i.from, [...(next.get(i.from) ?? []), i.to])
  const state = new Map<string, 'open' | 'done'>()
  const cycles: string[] = []
  const visit = (file: string, trail: readonly string[]): void => {
    if (state.get(file) === 'open') return void cycles.push([...trail, file].join(' → '))
    if (state.has(file)) return
    state.set(file, 'open')
    for (const other of next.get(file) ?? []) visit(other, [...trail, file])
    state.set(file, 'done')
  }
  for (const file of next.keys()) visit(file, [])
  expect(cycles).toEqual([])
})

test('only the configuration reads the environment', () => {
  const readers = product.filter((file) => file.startsWith('src/') && /process\.env\b/.test(textOf(file)))
  expect(readers).toEqual(['src/infra/config.ts'])
})

test('no file is a landfill, by name or by size', () => {
  const named = sources.filter((file) => /(^|\/)(utils?|helpers?|common|misc|types|manager|service)\.tsx?$/.test(file))
  const long = product.filter((file) => textOf(file).split('\n').length > 400)
  expect([...named, ...long]).toEqual([])
})

test('no module keeps state of its own outside its factory', () => {
  expect(product.filter((file) => file.startsWith('src/') && /^(export )?let /m.test(textOf(file)))).toEqual([])
})

test('a table is created by one migration and written by one module', () => {
  const created = walk('migrations')
    .filter((file) => file.endsWith('.sql'))
    .flatMap((file) => [...textOf(file).matchAll(/CREATE TABLE (?:IF NOT EXISTS )?(\w+)/g)].map((match) => match[1]!))
  expect(created.filter((table, i) => created.indexOf(table) !== i)).toEqual([])
  for (const table of created) {
    const writers = product.filter(
      (file) =>
        moduleOf(file) &&
        new RegExp(`(insertInto|updateTable|deleteFrom|createRecords[^(]*|insertBlock|columns\\.insert)\\(\\s*'${table}'`).test(
          textOf(file),
        ),
    )
    expect([table, new Set(writers.map(moduleOf)).size <= 1]).toEqual([table, true])
  }
})

test('migrations are numbered once each and named for what they do', () => {
  for (const folder of ['migrations/sql', 'migrations/columns']) {
    const files = fs.readdirSync(folder)
    expect(files.filter((file) => !/^\d{4}-[a-z0-9-]+\.sql$/.test(file))).toEqual([])
    expect(new Set(files.map((file) => file.slice(0, 4))).size).toBe(files.length)
  }
})

test('every endpoint has one owner, one path and one name', () => {
  const all = Object.values(operations).flatMap((contract) =>
    Object.values(contract).map((endpoint) => `${endpoint.method} ${endpoint.path}`),
  )
  expect(all.filter((path, i) => all.indexOf(path) !== i)).toEqual([])
})

test('the guides name only files that exist', () => {
  const pages = ['README.md', 'ARCHITECTURE.md', 'AGENTS.md', ...walk('docs').filter((file) => file.endsWith('.md'))].filter((file) =>
    fs.existsSync(file),
  )
  const broken = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
      .map((match) => path.join(path.dirname(page), match[1]!))
      .filter((target) => !fs.existsSync(target))
      .map((target) => `${page} → ${target}`),
  )
  expect(broken).toEqual([])
})

test('the lockfile holds every optional dependency, of other systems too, and no address', () => {
  type Locked = { packages: Record<string, { optionalDependencies?: Record<string, string>; resolved?: string }> }
  const { packages } = JSON.parse(textOf('package-lock.json')) as Locked
  const missing = Object.entries(packages).flatMap(([at, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {}).filter(
      (name) => !(`node_modules/${name}` in packages) && !(`${at}/node_modules/${name}` in packages),
    ),
  )
  expect(missing).toEqual([])
  expect(Object.values(packages).filter((one) => one.resolved !== undefined)).toEqual([])
})

test('what must stay short stays short', () => {
  const linesOf = (file: string) => textOf(file).split('\n').length
  expect(linesOf('ARCHITECTURE.md')).toBeLessThanOrEqual(200)
  expect(linesOf('AGENTS.md')).toBeLessThanOrEqual(100)
})

test('a pattern in toMatchObject is wrapped: bare, it matches anything', () => {
  const bare = sources.filter((file) => /\b(?:message|problem|error|reason): \/[^/*\n]/.test(textOf(file)) && /\.test\.ts$/.test(file))
  expect(bare).toEqual([])
})
