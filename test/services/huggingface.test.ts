import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { artifacts } from '../../src/contract/artifacts.ts'
import { registry } from '../../src/contract/registry.ts'
import { openWorld, type World } from '../world.ts'

// The Hub's read API with its own client: huggingface_hub, in a virtual environment that this suite makes.
const CLIENT = 'huggingface_hub==2.4.0'
const environment = path.join(tmpdir(), 'setpoint-huggingface-hub-2.4.0')
const python = path.join(environment, 'bin', 'python')

function ready(): string | undefined {
  if (spawnSync(python, ['-c', 'import huggingface_hub']).status === 0) return undefined
  rmSync(environment, { recursive: true, force: true })
  const made = spawnSync('python3', ['-m', 'venv', environment], { encoding: 'utf8' })
  if (made.status !== 0) return `python3 -m venv failed: ${made.error?.message ?? made.stderr}`
  const installed = spawnSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', CLIENT], {
    encoding: 'utf8',
    timeout: 240_000,
  })
  return installed.status === 0 ? undefined : `pip could not install ${CLIENT}: ${installed.stderr.slice(-300)}`
}

const reason = ready()
if (reason !== undefined) console.log(`skipped the suite of the Hugging Face Hub: ${reason}`)

describe.skipIf(reason !== undefined)('huggingface_hub', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'setpoint-hf-home-'))
  let world: World
  beforeAll(async () => {
    world = await openWorld()
    for (const version of [1, 2]) {
      const upload = (name: string, body: string) =>
        world.admin.call(artifacts.uploadFile, { path: `hub/${version}/${name}`, body: body as never })
      await upload('config.json', `version ${version}`)
      await upload('sub/a b.txt', `text ${version}`)
      await upload('weights.bin', 'x'.repeat(300_000))
      await world.admin.call(registry.registerVersion, { model: 'bert', source: `mlflow-artifacts:/hub/${version}` })
    }
    await world.admin.call(registry.moveAlias, { model: 'bert', alias: 'champion', version: 1, reason: 'it is better' })
  })
  afterAll(async () => {
    await world.close()
    rmSync(home, { recursive: true, force: true })
  })

  test('finds, lists and downloads versions of the registry as revisions', async () => {
    const env = {
      PATH: process.env.PATH,
      HOME: home,
      HF_HOME: home,
      HF_ENDPOINT: world.url,
      HF_TOKEN: await world.token('viewer'),
      HF_HUB_DISABLE_PROGRESS_BARS: '1',
    }
    const script = path.join(import.meta.dirname, '../clients/huggingface/read.py')
    const { stdout } = await promisify(execFile)(python, [script, 'default/bert', 'v2'], { env })
    const sizes = { 'config.json': 9, 'sub/a b.txt': 6, 'weights.bin': 300_000 }
    const seen = JSON.parse(stdout) as { configs: Record<string, string> }
    expect(seen).toMatchObject({
      private: true,
      sizes,
      files: sizes,
      sameCommit: true,
      size: 300_000,
      tree: ['config.json', 'sub', 'sub/a b.txt', 'weights.bin'],
      paths: ['sub', 'weights.bin'],
      branches: ['main', 'champion'],
      tags: ['v2', 'v1'],
      models: ['default/bert'],
      exists: [true, false, true],
      one: 'text 2',
      fileSystem: 'version 2',
      failures: ['RepositoryNotFoundError', 'RemoteEntryNotFoundError', 'RevisionNotFoundError', 'HfHubHTTPError'],
    })
    expect(Object.values(seen.configs)).toEqual(['version 1', 'version 2', 'version 1', 'version 1'])
  })
})
