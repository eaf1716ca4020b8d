import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { readConfig } from '../src/infra/config.ts'
import { kserveManifests } from '../src/lib/kserve/manifests.ts'
import { serverFlags } from '../src/lib/node-flags.ts'
import { openWorld, type World } from './world.ts'

// What deploy/ says of the product is true of the product. That it is valid to Kubernetes is shown by the clients' suite.
type Json = { readonly [name: string]: Json } & { readonly [index: number]: Json } & string
const walk = (folder: string) => fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => path.join(folder, file))
const textOf = (file: string) => fs.readFileSync(file, 'utf8')
const manifests = walk('deploy/kubernetes')
  .filter((file) => file.endsWith('.yaml'))
  .flatMap((file) => parseAllDocuments(textOf(file)).map((document) => document.toJS() as Json))
const one = (kind: string, nth = 0) => manifests.filter((manifest) => manifest.kind === kind)[nth]!
const compose = parse(textOf('deploy/docker/compose.yaml')) as Json
const dockerfile = textOf('deploy/docker/Dockerfile')
const subject = { deployment: 'churn', model: 'churn', version: 3, digest: 'ab', storageUri: 's3://models/churn.onnx', image: 'setpoint' }
const kserve = kserveManifests({ ...subject, secret: 'stores', minReplicas: 1, maxReplicas: 2 }) as unknown as Json[]

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const fields = (json: Json | undefined) => json as unknown as Record<string, string>
const podName = { SETPOINT_NODE: 'setpoint-0' }
const environments: Record<string, Record<string, string>> = {
  Dockerfile: Object.fromEntries([...dockerfile.matchAll(/(SETPOINT_\w+)=(\S+)/g)].map((match) => [match[1]!, match[2]!])),
  compose: Object.fromEntries(
    Object.entries(compose.services!.setpoint!.environment!).map(([name, value]) => [
      name,
      String(value).replace(/\$\{[^}]*\}/g, 'secret1'),
    ]),
  ),
  'kubernetes/base': { ...fields(one('ConfigMap').data), ...podName },
  'kubernetes/replicated': { ...fields(one('ConfigMap').data), ...fields(one('Secret').stringData), ...podName },
  kserve: Object.fromEntries(
    (kserve[0]!.spec!.containers![0]!.env as unknown as { name: string; value?: string }[]).map(({ name, value }) => [
      name,
      value ?? '0b3ff9b0-9f6e-4c0c-8a34-3d0d7b1f2a11',
    ]),
  ),
}

test.each(Object.entries(environments))('%s sets what can be set, to what it may be', (_name, environment) => {
  expect(Object.keys(environment).filter((name) => name.startsWith('SETPOINT_')).length).toBeGreaterThan(2)
  const config = readConfig({ environment, file: '/nowhere/setpoint.yaml' })
  if (environment.SETPOINT_PORT) expect(config.port).toBe(7_300)
})

test('every variable that a file of deploy names is a setting or is replaced by one', () => {
  for (const file of walk('deploy').filter((file) => fs.statSync(file).isFile()))
    for (const [variable] of textOf(file).matchAll(/SETPOINT_[A-Z0-9_]+/g)) {
      const values: Record<string, string> = { ...environments.compose, ...environments['kubernetes/replicated'] }
      const environment = { [variable]: values[variable] ?? 'missing' }
      expect(() => readConfig({ environment, file: '/nowhere/setpoint.yaml' }), `${file}: ${variable}`).not.toThrow()
    }
})

test('every probe asks for an address that answers without a key', async () => {
  const text = [
    dockerfile,
    ...walk('deploy')
      .filter((file) => file.endsWith('.yaml'))
      .map(textOf),
    JSON.stringify(kserve),
  ].join('\n')
  const paths = new Set([...text.matchAll(/(?:7300|_PORT\}|path"?:) ?"?(\/[\w/]+)/g)].map((match) => match[1]!))
  const probed = [...paths].filter((one) => !one.startsWith('/var') && !one.startsWith('/tmp'))
  expect(probed.sort()).toEqual(['/v2/health/live', '/v2/health/ready'])
  for (const address of probed) expect([address, (await fetch(`${world.url}${address}`)).status]).toEqual([address, 200])
})

test('ports, volumes and names agree', () => {
  const pod = one('StatefulSet').spec!.template!.spec!
  const container = pod.containers![0]!
  const data = one('ConfigMap').data!
  expect(container.ports![0]).toEqual({ name: 'http', containerPort: Number(data.SETPOINT_PORT), protocol: 'TCP' })
  expect(String(data.SETPOINT_DATA).startsWith(container.volumeMounts![0]!.mountPath!)).toBe(true)
  expect(one('StatefulSet').spec!.serviceName).toBe(one('Service', 1).metadata!.name)
  for (const name of Object.keys(compose.services!)) {
    const service = compose.services![name]!
    expect([name, service.deploy!.resources!.limits!.memory !== undefined]).toEqual([name, true])
    for (const other of Object.keys(service.depends_on ?? {})) expect(Object.keys(compose.services!)).toContain(other)
    for (const volume of (service.volumes ?? []) as unknown as string[])
      expect(Object.keys(compose.volumes!)).toContain(volume.split(':')[0])
    if (name !== 'bucket') expect([name, service.healthcheck !== undefined]).toEqual([name, true])
  }
  const named = [...textOf('deploy/docker/compose.yaml').matchAll(/\$\{(\w+):\?/g)].map((match) => match[1]!)
  const offered = [...textOf('deploy/docker/.env.example').matchAll(/^(\w+)=/gm)].map((match) => match[1]!)
  expect([...new Set(named)].sort()).toEqual(offered.sort())
})

test('no container of ours runs as root, writes its own files or keeps a capability', () => {
  const pod = one('StatefulSet').spec!.template!.spec!
  const strict = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1_000, seccompProfile: { type: 'RuntimeDefault' } })
  expect(pod.containers![0]!.securityContext).toMatchObject(strict)
  expect(kserve[0]!.spec!.containers![0]!.securityContext).toMatchObject({ ...strict, runAsNonRoot: true })
  expect(compose.services!.setpoint).toMatchObject({ read_only: true, user: '1000:1000', cap_drop: ['ALL'] })
  expect(dockerfile).toMatch(/^USER 1000:1000$/m)
})

test('the image holds what the server and the command line import, and nothing they import is a development dependency', () => {
  const copied = [...dockerfile.matchAll(/^COPY --from=build \/app\/(\S+)/gm)].map((match) => match[1]!)
  const ignored = textOf('deploy/docker/Dockerfile.dockerignore')
  for (const part of ['package.json', 'package-lock.json', '.npmrc', 'migrations', 'src', 'web']) expect(ignored).toContain(`!${part}\n`)
  const { dependencies } = JSON.parse(textOf('package.json')) as { dependencies: Record<string, string> }
  const seen = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const [, statement, target] of textOf(file).matchAll(/^(?:import|export)\s([^'";]*?from\s)?'([^']+)'/gm)) {
      if (target!.startsWith('.')) visit(path.join(path.dirname(file), target!))
      else if (!target!.startsWith('node:') && !statement?.startsWith('type '))
        expect([file, Object.keys(dependencies)]).toEqual([
          file,
          expect.arrayContaining([
            target!
              .split('/')
              .slice(0, target!.startsWith('@') ? 2 : 1)
              .join('/'),
          ]),
        ])
    }
  }
  visit('src/serve.ts')
  visit('src/cli/main.ts')
  expect(seen.size).toBeGreaterThan(200)
  expect([...seen].filter((file) => !copied.some((part) => file.startsWith(`${part}/`)))).toEqual([])
  expect(copied).toEqual(expect.arrayContaining(['package.json', 'node_modules', 'migrations', 'src', 'dist']))
})

test('the server is started with the same flags everywhere', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: { start: string } }
  expect(scripts.start).toBe(`node ${serverFlags.join(' ')} src/serve.ts`)
  expect(dockerfile).toContain(serverFlags.map((flag) => `"${flag}"`).join(', '))
})
