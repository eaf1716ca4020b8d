import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { kserveManifests } from '../../src/lib/kserve/manifests.ts'
import { clientPython } from './python.ts'

// The files of deploy/, as Kubernetes, KServe and compose would read them: every object against its published schema.
type Manifest = { apiVersion: string; kind: string; metadata: { name: string }; spec?: Record<string, unknown> }
type Answer = { checked: string[]; skipped: string[]; problems: string[] }

const root = path.resolve(import.meta.dirname, '../..')
const folder = path.join(root, 'deploy', 'kubernetes')
const oldest = '1.30'
const newest = '1.37'
/** KServe’s published description of its types: the file swagger.json of its repository, where one is named or lies beside this repository. */
const beside = path.join(root, '../shared/protocols/kserve/swagger.json')
const swagger = process.env.KSERVE_SWAGGER ?? (fs.existsSync(beside) ? beside : null)
const kubectl = 'kubectl'
const python = clientPython()

const documentsIn = (text: string) => parseAllDocuments(text).map((document) => document.toJS() as Manifest)
const compose = fs.readFileSync(path.join(root, 'deploy/docker/compose.yaml'), 'utf8')
const subject = { deployment: 'churn', model: 'churn', version: 3, digest: 'ab', storageUri: 's3://models/churn.onnx', image: 'setpoint' }
const kserve = kserveManifests({ ...subject, secret: 'setpoint-stores', minReplicas: 1, maxReplicas: 3 }) as readonly Manifest[]

/** What kustomize makes of a folder. */
function render(name: string): Manifest[] | undefined {
  const made = spawnSync(kubectl, ['kustomize', path.join(folder, name)], { encoding: 'utf8' })
  if (made.error) return undefined
  expect(made.status, made.stderr).toBe(0)
  return documentsIn(made.stdout)
}

function validate(python: string, manifests: readonly Manifest[], composeText = compose): Answer {
  const input = JSON.stringify({ manifests, compose: composeText, swagger, versions: [oldest, newest] })
  const run = spawnSync(python, [path.join(import.meta.dirname, 'kubernetes/validate.py')], { input, encoding: 'utf8' })
  expect(run.status, run.stderr).toBe(0)
  return JSON.parse(run.stdout) as Answer
}

if ('skipped' in python) test.skip(`the schemas of Kubernetes, skipped: ${python.skipped}`, () => {})
else
  describe('deploy', () => {
    const kinds = ['ServiceAccount', 'ConfigMap', 'Service', 'Service', 'StatefulSet', 'NetworkPolicy']
    const rendered = { base: render('base'), replicated: render('replicated') }

    for (const [name, manifests] of Object.entries(rendered))
      test.skipIf(!manifests)(`${name}, rendered by kustomize, is what Kubernetes takes${manifests ? '' : ': there is no kubectl'}`, () => {
        const { checked, problems } = validate(python.python, manifests!)
        expect(problems).toEqual([])
        const more = name === 'base' ? [] : ['PodDisruptionBudget', 'HorizontalPodAutoscaler']
        const found = checked.map((one) => one.split('/')[0]).filter((kind) => kind !== 'compose')
        expect(found.sort()).toEqual([...kinds, ...more].sort())
      })

    test.skipIf(!rendered.replicated)('the replicated pods read the stores, and the autoscaler alone sets their number', () => {
      const set = rendered.replicated!.find(({ kind }) => kind === 'StatefulSet')!.spec as {
        replicas?: number
        template: { spec: { containers: { envFrom: unknown[]; image: string; securityContext: object }[] } }
      }
      expect(set.replicas).toBeUndefined()
      const [container] = set.template.spec.containers
      expect(container!.envFrom).toEqual([{ configMapRef: { name: 'setpoint' } }, { secretRef: { name: 'setpoint-stores' } }])
      expect(container).toMatchObject({ image: 'setpoint', securityContext: { readOnlyRootFilesystem: true } })
    })

    test('the example secret is one', () => {
      const secret = documentsIn(fs.readFileSync(path.join(folder, 'replicated/setpoint-stores.example.yaml'), 'utf8'))
      expect(validate(python.python, secret).problems).toEqual([])
    })

    test('the compose file is one, with every service', () => {
      const { checked } = validate(python.python, [])
      expect(checked.sort()).toEqual(['bucket', 'clickhouse', 'minio', 'nats', 'postgres', 'setpoint'].map((name) => `compose/${name}`))
    })

    test.skipIf(!swagger)(`a deployment for KServe is what KServe takes${swagger ? '' : ': KSERVE_SWAGGER names no file'}`, () => {
      const { checked, problems } = validate(python.python, kserve)
      expect(problems).toEqual([])
      expect(checked).toEqual(expect.arrayContaining(['ServingRuntime/setpoint', 'InferenceService/churn']))
    })

    test.skipIf(!swagger)('a field that KServe does not know is found', () => {
      const wrong = JSON.stringify(kserve)
        .replace('"privileged":', '"readOnly":')
        .replace('"storageUri":', '"storageUrl":')
        .replace('"minReplicas":1', '"minReplicas":"one"')
      const { problems } = validate(python.python, JSON.parse(wrong) as Manifest[])
      for (const part of ['readOnly', 'storageUrl', "'one'"]) expect(problems.join('\n')).toContain(part)
    })

    test('what is wrong is found: a field that does not exist, a value of another type, a service that is none', () => {
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'x' } }
      const wrong = [
        { ...account, automount: false },
        { ...account, automountServiceAccountToken: 'no' },
      ]
      const { problems } = validate(python.python, wrong, compose.replace('init: true', 'init: maybe'))
      expect(problems.length).toBe(5)
    })
  })
