import type { Command } from 'commander'
import { stringify } from 'yaml'
import { createClient } from '../../contract/client.ts'
import { deployments } from '../../contract/deployments.ts'
import { AppError } from '../../contract/errors.ts'
import { registry } from '../../contract/registry.ts'
import { kserveManifests } from '../../lib/kserve/manifests.ts'
import { addConnectionOptions, addJsonOption, connectionOf } from '../connection/options.ts'
import { usageError } from '../failures.ts'
import { jsonText } from '../output/reply.ts'
import { countFrom } from '../replay/values.ts'
import type { Shell } from '../shell.ts'

type Given = {
  image: string
  secret: string
  namespace?: string
  storageUri?: string
  minReplicas: string
  maxReplicas: string
  json?: boolean
}

/** What KServe’s storage initializer can read. */
const storage = /^(s3|gs|hf|pvc|https?|hdfs|webhdfs|oci|abfs):\/\/\S+$/

/** `setpoint export-kserve`: the champion of a deployment as an InferenceService, and the runtime that serves it. */
export function addKserveCommand(program: Command, shell: Shell): void {
  const command = addConnectionOptions(addJsonOption(program.command('export-kserve')))
    .description('Print a deployment as an InferenceService of KServe, with the ServingRuntime that runs Setpoint')
    .argument('<deployment>', 'deployment whose champion is served')
    .option('--image <name>', 'Setpoint’s image, as built from deploy/docker/Dockerfile', 'setpoint')
    .option('--secret <name>', 'secret with the settings of the shared stores', 'setpoint-stores')
    .option('--namespace <name>', 'namespace of both objects')
    .option('--storage-uri <uri>', 'where KServe reads the model file; absent: this server’s own address of it')
    .option('--min-replicas <count>', 'fewest pods', '1')
    .option('--max-replicas <count>', 'most pods', '3')
    .addHelpText('after', HELP)
    .action(async (deployment: string) => {
      const given = command.opts<Given>()
      const minReplicas = countFrom('--min-replicas', given.minReplicas)
      const maxReplicas = countFrom('--max-replicas', given.maxReplicas)
      if (maxReplicas < minReplicas) throw usageError(`--max-replicas: ${maxReplicas} is less than --min-replicas, ${minReplicas}`)
      if (given.storageUri !== undefined && !storage.test(given.storageUri))
        throw usageError(`--storage-uri: KServe does not read "${given.storageUri}"; give s3://, gs://, https:// or the like`)
      const connection = connectionOf(command, shell)
      const client = createClient(connection)
      const { spec, route } = await client.call(deployments.getDeployment, { deployment })
      if (route.championVersion === null)
        throw new AppError('conflict', `deployment ${deployment} serves nothing yet: model ${spec.model} has no champion`)
      const { model, version, digest } = await client.call(registry.getVersion, { model: spec.model, version: route.championVersion })
      if (digest === null) throw new AppError('conflict', `${model} version ${version} has no ONNX file that could be served`)
      const own = registry.downloadArtifact.path.replace(':model', encodeURIComponent(model)).replace(':version', String(version))
      const manifests = kserveManifests({
        deployment,
        model,
        version,
        digest,
        storageUri: given.storageUri ?? `${connection.url}${own}`,
        image: given.image,
        secret: given.secret,
        namespace: given.namespace,
        minReplicas,
        maxReplicas,
      })
      await shell.terminal.out(given.json ? jsonText(manifests) : manifests.map((manifest) => stringify(manifest)).join('---\n'))
    })
}

const HELP = `
The pods share the stores that the secret names (see docs/kubernetes.md), so keys, routes and telemetry are those of this
server, and clients ask /v2/models/<deployment>/infer.

Examples:
  $ setpoint export-kserve phishing --namespace ml --storage-uri s3://models/phishing/3/model.onnx | kubectl apply -f -`
