import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const INSTALL_LIMIT_MS = 900_000

export type Python = { readonly python: string } | { readonly skipped: string }

/** What a suite needs of Python: pinned packages, some of them without what they ask for, and the imports that prove it. */
export type Suite = { readonly requirements: string; readonly withoutDependencies?: string; readonly imports: string }

const mlflowSuite: Suite = {
  requirements: path.join(import.meta.dirname, 'requirements.txt'),
  imports: 'mlflow, onnxruntime, skl2onnx, pytest',
}

/**
 * A Python with the pinned clients of a suite: the one that `CLIENTS_PYTHON` names, or a virtual environment in the temporary
 * folder, made once for these requirements. Says why there is none.
 */
export function clientPython(suite: Suite = mlflowSuite): Python {
  const { requirements, withoutDependencies, imports } = suite
  const given = process.env.CLIENTS_PYTHON
  if (given) return works(given, imports) ? { python: given } : { skipped: `${given} cannot import ${imports}` }
  const files = withoutDependencies === undefined ? [requirements] : [requirements, withoutDependencies]
  const digest = createHash('sha256')
    .update(files.map((file) => fs.readFileSync(file, 'utf8')).join())
    .digest('hex')
    .slice(0, 12)
  const environment = path.join(os.tmpdir(), `setpoint-clients-${digest}`)
  const python = path.join(environment, 'bin', 'python')
  if (works(python, imports)) return { python }
  fs.rmSync(environment, { recursive: true, force: true })
  const made = spawnSync('python3', ['-m', 'venv', environment], { encoding: 'utf8' })
  if (made.status !== 0) return { skipped: `python3 -m venv failed: ${made.error?.message ?? made.stderr}` }
  process.stderr.write('Installing the Python clients (once, some minutes) …\n')
  for (const file of files) {
    const install = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      ...(file === withoutDependencies ? ['--no-deps'] : []),
    ]
    const installed = spawnSync(python, [...install, '-r', file], { encoding: 'utf8', timeout: INSTALL_LIMIT_MS })
    if (installed.status !== 0) return { skipped: `pip could not install ${path.basename(file)}: ${installed.stderr.slice(-300)}` }
  }
  return { python }
}

function works(python: string, imports: string): boolean {
  return spawnSync(python, ['-c', `import ${imports}`]).status === 0
}

/** What one test of pytest came to. */
export type Outcome = { readonly name: string; readonly outcome: 'passed' | 'failed' | 'skipped'; readonly text: string }

/** Runs one file of pytest and answers what each of its tests came to; a file that cannot run is one failed test. */
export async function runPytest(python: string, file: string, environment: Readonly<Record<string, string>>): Promise<Outcome[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-pytest-'))
  const report = path.join(folder, 'outcomes.jsonl')
  const options = ['-p', 'no:cacheprovider', '-q', '--timeout', '300', '--rootdir', path.dirname(file), '-c', os.devNull]
  const child = spawn(python, ['-m', 'pytest', ...options, file], {
    cwd: folder,
    env: { ...process.env, ...environment, SETPOINT_OUTCOMES: report, MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet' },
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  const lines = fs.existsSync(report) ? fs.readFileSync(report, 'utf8').trim().split('\n').filter(Boolean) : []
  fs.rmSync(folder, { recursive: true, force: true })
  const outcomes = lines.map((line) => JSON.parse(line) as Outcome)
  const isWhole = code === 0 || (code === 1 && outcomes.some(({ outcome }) => outcome === 'failed'))
  return isWhole && outcomes.length > 0
    ? outcomes
    : [...outcomes, { name: 'the file runs', outcome: 'failed', text: printed.slice(-4_000) }]
}
