/** What KServe is told of one deployment. */
export type KserveSubject = {
  readonly deployment: string
  readonly model: string
  readonly version: number
  /** SHA-256 of the file that serves. */
  readonly digest: string
  /** Where KServe’s storage initializer reads the file. */
  readonly storageUri: string
  readonly image: string
  /** The secret with the settings of the shared stores. */
  readonly secret: string
  readonly namespace?: string
  readonly minReplicas: number
  readonly maxReplicas: number
}

const PORT = 7_300
const RUNTIME = 'setpoint'
const DATA = '/var/lib/setpoint'
const DNS_LABEL_LENGTH = 40

/** A name that Kubernetes takes: letters, digits and dashes, starting with a letter. */
export function dnsNameFrom(name: string): string {
  const dashed = name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, DNS_LABEL_LENGTH)
    .replace(/-+$/, '')
  return dashed === '' ? 'model' : dashed
}

/** The runtime that starts Setpoint’s image, and the service that asks it for one deployment over protocol v2. */
export function kserveManifests(subject: KserveSubject): readonly [servingRuntime: object, inferenceService: object] {
  return [servingRuntime(subject), inferenceService(subject)]
}

function servingRuntime({ image, secret, namespace }: KserveSubject) {
  return {
    apiVersion: 'serving.kserve.io/v1alpha1',
    kind: 'ServingRuntime',
    metadata: { name: RUNTIME, ...(namespace ? { namespace } : {}), labels: { 'app.kubernetes.io/name': 'setpoint' } },
    spec: {
      supportedModelFormats: [{ name: 'onnx', version: '1', autoSelect: false }],
      protocolVersions: ['v2'],
      containers: [
        {
          name: 'kserve-container',
          image,
          ports: [{ name: 'http1', containerPort: PORT, protocol: 'TCP' }],
          env: [
            { name: 'SETPOINT_HOST', value: '0.0.0.0' },
            { name: 'SETPOINT_PORT', value: String(PORT) },
            { name: 'SETPOINT_DATA', value: `${DATA}/data` },
            // The names of KServe’s pods are longer than a node’s name may be; their ids are not.
            { name: 'SETPOINT_NODE', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
          ],
          envFrom: [{ secretRef: { name: secret } }],
          startupProbe: { httpGet: { path: '/v2/health/live', port: PORT }, periodSeconds: 2, failureThreshold: 60 },
          livenessProbe: { httpGet: { path: '/v2/health/live', port: PORT }, periodSeconds: 10, timeoutSeconds: 3 },
          readinessProbe: { httpGet: { path: '/v2/health/ready', port: PORT }, periodSeconds: 5, timeoutSeconds: 3 },
          resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '2Gi' } },
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 1_000,
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            privileged: false,
            capabilities: { drop: ['ALL'] },
            seccompProfile: { type: 'RuntimeDefault' },
          },
          volumeMounts: [
            { name: 'data', mountPath: DATA },
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  }
}

function inferenceService(subject: KserveSubject) {
  const { deployment, model, version, digest, storageUri, namespace, minReplicas, maxReplicas } = subject
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: {
      name: dnsNameFrom(deployment),
      ...(namespace ? { namespace } : {}),
      labels: { 'app.kubernetes.io/name': 'setpoint' },
      annotations: {
        // The runtime reads its pod’s id, which Knative does not pass on.
        'serving.kserve.io/deploymentMode': 'RawDeployment',
        'setpoint/deployment': deployment,
        'setpoint/model': model,
        'setpoint/version': String(version),
        'setpoint/digest': digest,
      },
    },
    spec: {
      predictor: {
        minReplicas,
        maxReplicas,
        model: { modelFormat: { name: 'onnx', version: '1' }, protocolVersion: 'v2', runtime: RUNTIME, storageUri },
      },
    },
  }
}
