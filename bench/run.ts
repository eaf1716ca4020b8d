import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

// `npm run bench -- NAME …` runs bench/NAME/run.ts with the rest of the arguments.
const folder = import.meta.dirname
const names = fs.readdirSync(folder).filter((name) => fs.existsSync(path.join(folder, name, 'run.ts')))
const [name, ...rest] = process.argv.slice(2)
if (name === undefined || !names.includes(name)) {
  console.error(`${name === undefined ? 'Name a benchmark' : `There is no benchmark ${name}`}: ${names.join(', ')}`)
  process.exit(2)
}
const child = spawn(process.execPath, [path.join(folder, name, 'run.ts'), ...rest], { stdio: 'inherit' })
child.on('exit', (code) => process.exit(code ?? 1))
