// Runs before every npm script, on whatever Node started npm (20 or newer): installs the locked dependencies when they
// are absent or older than the lockfile, and builds the console when its sources are newer than what is served.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..')
const at = (...parts) => path.join(root, ...parts)
const modifiedMs = (file) => (fs.existsSync(file) ? fs.statSync(file).mtimeMs : 0)

function newestMs(folder) {
  if (!fs.existsSync(folder)) return 0
  return Math.max(0, ...fs.readdirSync(folder, { recursive: true }).map((file) => modifiedMs(path.join(folder, file))))
}

const stamp = at('node_modules', '.package-lock.json')
// Through a link an install would empty the folder of another checkout.
const isBorrowed = fs.lstatSync(at('node_modules'), { throwIfNoEntry: false })?.isSymbolicLink() === true
if (!isBorrowed && modifiedMs(stamp) < modifiedMs(at('package-lock.json'))) {
  console.error('Installing dependencies (once, about a minute) …')
  const npm = process.env.npm_execpath
  const [command, args] = npm ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']]
  execFileSync(command, [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] })
  fs.utimesSync(stamp, new Date(), new Date())
}

const built = at('dist', 'web', 'index.html')
const sourcesMs = Math.max(newestMs(at('web')), newestMs(at('src', 'contract')), newestMs(at('src', 'lib')))
if (fs.existsSync(at('web', 'index.html')) && modifiedMs(built) < sourcesMs) {
  console.error('Building the console …')
  const node = at('node_modules', '.bin', 'node')
  execFileSync(node, [at('node_modules', 'vite', 'bin', 'vite.js'), 'build', 'web', '--logLevel', 'error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
}
