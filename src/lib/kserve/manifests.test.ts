import { expect, test } from 'vitest'
import { dnsNameFrom, kserveManifests } from './manifests.ts'

test.each([
  ['phishing', 'phishing'],
  ['churn_v2.eu', 'churn-v2-eu'],
  ['2024-model', 'model'],
  ['9', 'model'],
  ['a'.repeat(64), 'a'.repeat(40)],
  [`${'a'.repeat(39)}.b`, 'a'.repeat(39)],
])('%s is %s to Kubernetes', (name, dns) => {
  expect(dnsNameFrom(name)).toBe(dns)
})

test('the service names the runtime, its format and its protocol as the runtime does', () => {
  const subject = { deployment: 'churn', model: 'churn', version: 3, digest: 'd', storageUri: 's3://b/m.onnx', image: 'setpoint:1' }
  const [runtime, service] = kserveManifests({ ...subject, secret: 'stores', namespace: 'ml', minReplicas: 1, maxReplicas: 4 })
  const container = { image: 'setpoint:1', envFrom: [{ secretRef: { name: 'stores' } }] }
  expect(runtime).toMatchObject({
    kind: 'ServingRuntime',
    metadata: { name: 'setpoint', namespace: 'ml' },
    spec: { protocolVersions: ['v2'], supportedModelFormats: [{ name: 'onnx' }], containers: [container] },
  })
  expect(service).toMatchObject({
    kind: 'InferenceService',
    metadata: { name: 'churn', namespace: 'ml', annotations: { 'setpoint/version': '3', 'setpoint/digest': 'd' } },
    spec: {
      predictor: {
        minReplicas: 1,
        maxReplicas: 4,
        model: { modelFormat: { name: 'onnx' }, protocolVersion: 'v2', runtime: 'setpoint', storageUri: 's3://b/m.onnx' },
      },
    },
  })
})
