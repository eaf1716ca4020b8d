import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { operations } from './contract/operations.ts'
import { beginLoops } from './flows/begin-loops.ts'
import { closeTheLoop } from './flows/close-the-loop.ts'
import { explainIncidents } from './flows/explain-incidents.ts'
import { freezeReference } from './flows/freeze-reference.ts'
import { purgeRuns } from './flows/purge-runs.ts'
import { tellOfDrift } from './flows/tell-of-drift.ts'
import { versionOrigins } from './flows/version-origins.ts'
import { healthMethods } from './infra/grpc/health.ts'
import { createGrpc } from './infra/grpc/server.ts'
import { type BindOptions, bind } from './infra/http/bind.ts'
import { openapiFrom } from './infra/http/openapi.ts'
import { createHttp } from './infra/http/server.ts'
import { createStaticFiles } from './infra/http/static-files.ts'
import type { Infra } from './infra/open.ts'
import { holderOf, holdPlace, spoolFolderOf, workersWithSpool } from './infra/places.ts'
import { createGates, evidenceTable, verdictsTable } from './modules/change/gates/index.ts'
import { createIncidents, incidentsTable } from './modules/change/incidents/index.ts'
import { checkLoop, createLoops, loopRunsTable } from './modules/change/loops/index.ts'
import { createRetraining, trainingsTable } from './modules/change/retraining/index.ts'
import { createRollouts, rolloutsTable } from './modules/change/rollouts/index.ts'
import { createTriage, responsesTable } from './modules/change/triage/index.ts'
import { createQuarantine, quarantineTable } from './modules/data/quarantine/index.ts'
import { createAccess, keysTable, projectsTable } from './modules/govern/access/index.ts'
import { createDocuments, documentsTable, documentVersionsTable } from './modules/govern/documents/index.ts'
import { createFileAnchor, createLedger, createLedgerStore } from './modules/govern/ledger/index.ts'
import { createArtifacts, createCollector, createUploads } from './modules/models/artifacts/index.ts'
import { createEvaluations, datasetsTable, scorersTable } from './modules/models/evaluations/index.ts'
import { aliasesTable, createRegistry, modelsTable, versionsTable } from './modules/models/registry/index.ts'
import { createRuns, createTrackingVerbs } from './modules/models/runs/index.ts'
import { createWebhooks, webhooksTable } from './modules/models/webhooks/index.ts'
import { createAdvisor, createCheckDeployment, decisionsTable } from './modules/serving/advisor/index.ts'
import { batchPartitionsTable, batchRunsTable, checkBatch, createBatch } from './modules/serving/batch/index.ts'
import { createDeployments, routesTable } from './modules/serving/deployments/index.ts'
import { createModelFolders, createRuntimes } from './modules/serving/runtimes/index.ts'
import { checkStream, createStreams, streamControlsTable } from './modules/serving/streams/index.ts'
import { createActivity } from './modules/watch/activity/index.ts'
import { checkAlert, createAlerts } from './modules/watch/alerts/index.ts'
import { checkMonitor, createDrift, profilesTable, seasonsTable } from './modules/watch/drift/index.ts'
import { createEstimates, estimatorsTable } from './modules/watch/estimates/index.ts'
import { createLabels } from './modules/watch/labels/index.ts'
import { createObjectives } from './modules/watch/objectives/index.ts'
import { createTelemetry } from './modules/watch/telemetry/index.ts'
import { createTraces, issuesTable } from './modules/watch/traces/index.ts'
import { huggingfaceRoutes } from './protocols/huggingface/huggingface.ts'
import { kserveV1Routes } from './protocols/kserve-v1/kserve-v1.ts'
import { mlflowRoutes } from './protocols/mlflow/mlflow.ts'
import { OIP_SERVICE, oipMethods } from './protocols/oip/grpc-service.ts'
import { oipRoutes } from './protocols/oip/oip.ts'
import { createStatistics, type Statistics } from './protocols/oip/statistics.ts'
import { otlpRoutes } from './protocols/otlp/otlp.ts'
import { predictRoutes } from './protocols/predict/predict.ts'
import { prometheusRoutes } from './protocols/prometheus/prometheus.ts'
import { systemRoutes } from './protocols/system/system.ts'

const VERSION = '0.1.0'
const MOST_BATCH_THREADS = 4

/** Every table whose rows the ledger seals. */
const audited = [
  projectsTable,
  keysTable,
  documentsTable,
  documentVersionsTable,
  modelsTable,
  versionsTable,
  aliasesTable,
  routesTable,
  decisionsTable,
  profilesTable,
  seasonsTable,
  estimatorsTable,
  responsesTable,
  quarantineTable,
  verdictsTable,
  evidenceTable,
  trainingsTable,
  rolloutsTable,
  loopRunsTable,
  incidentsTable,
  webhooksTable,
  datasetsTable,
  scorersTable,
  issuesTable,
  batchRunsTable,
  batchPartitionsTable,
  streamControlsTable,
]

export type App = Awaited<ReturnType<typeof createApp>>
type Modules = ReturnType<typeof buildModules>

/**
 * The composition root: builds every module on the infrastructure, subscribes the flows, binds the contract, mounts the
 * protocols. What depends on what is what is handed to what, here.
 */
export async function createApp(infra: Infra) {
  const { config, sql, blobs, clock, ids, log, bus, jobs } = infra
  const modules = buildModules(infra)
  const { anchor, access, documents, runtimes, registry, telemetry, deployments, quarantine, drift, rollouts, labels } = modules
  const { gates, retraining, incidents, loops, triage, estimates } = modules
  freezeReference({ bus, registry, runtimes, blobs, drift, estimates, documents })
  const change = { quarantine, retraining, gates, rollouts, incidents, loops }
  const loop = closeTheLoop({ sql, bus, jobs, clock, log, documents, drift, estimates, triage, ...change })
  const beginnings = beginLoops({ sql, bus, jobs, clock, documents, registry, drift, estimates, labels, quarantine, loops })
  tellOfDrift({ bus, incidents })
  explainIncidents({ sql, bus, jobs, clock, incidents, loops, triage })
  const statistics = createStatistics(clock)
  const grpc = createGrpc({
    methods: [...oipMethods({ deployments, ids, statistics, version: VERSION }), ...healthMethods([OIP_SERVICE], deployments.hasStarted)],
    authenticate: access.authenticate,
    ids,
    log,
    clock,
    messageLimitBytes: config.bodyLimitBytes,
    requestTimeoutMs: config.requestTimeoutMs,
  })
  const http = createHttp({
    routes: routesOf(infra, modules, statistics),
    authenticate: access.authenticate,
    fallback: createStaticFiles(infra.consoleFolder),
    ids,
    log,
    requestTimeoutMs: config.requestTimeoutMs,
  })

  return {
    http,
    grpc,
    access,
    telemetry,
    streams: modules.streams,
    /** Brings everything up to where it was; answers whether this is the very first start. */
    async start(): Promise<boolean> {
      const guest = infra.place.sharing === 'guest'
      const first = guest ? false : await access.prepare()
      await bus.start({ guest })
      await deployments.start()
      telemetry.start([labels, { name: 'drift', consume: (segment) => drift.consumeSegment(segment) }])
      // What runs once for the whole house runs in its first process.
      if (guest) return first
      await jobs.start()
      await modules.batch.start()
      await modules.streams.start()
      await drift.start()
      await estimates.start()
      await beginnings.start()
      await loop.start()
      return first
    },
    /** Moves the telemetry of workers that have ended for good: of all that left a spool but those given. */
    async adoptSpools(alive: readonly number[]): Promise<void> {
      for (const worker of workersWithSpool(config.data)) {
        if (alive.includes(worker) || holderOf(config.data, worker) !== undefined) continue
        const place = holdPlace(config.data, worker)
        try {
          const spool = infra.openSpoolOf(worker)
          await telemetry.adopt(spool).finally(spool.close)
          fs.rmSync(spoolFolderOf(config.data, worker), { recursive: true })
        } finally {
          // A place that were kept after a failure would look like a live worker’s, and nobody would try again.
          await place.close()
        }
        log.info('serve.spool_adopted', { worker })
      }
    },
    /** Ends in the order that loses nothing: requests, jobs, events, telemetry, models. */
    async stop(graceMs: number): Promise<void> {
      await Promise.all([http.close(graceMs), grpc.close(graceMs)])
      await modules.streams.stop()
      await jobs.stop(graceMs)
      await bus.stop()
      await deployments.stop()
      await telemetry.stop()
      await runtimes.close()
      await anchor.settle()
    },
  }
}

/** What scores partitions: this host, and a thread for each of its processors but no more than four. */
const machine = () => ({ host: os.hostname(), threads: Math.min(MOST_BATCH_THREADS, os.availableParallelism()) })

/** Every module, each after those it is handed. */
function buildModules(infra: Infra) {
  const { config, sql, blobs, columns, spool, clock, ids, log, bus, jobs, calculations, serverUrl } = infra
  const anchor = createFileAnchor(path.join(config.data, config.worker > 0 ? `ledger-w${config.worker}.head` : 'ledger.head'), (error) =>
    log.error('ledger.anchor_failed', { error }),
  )
  const ledger = createLedger({ sql, store: createLedgerStore(sql), clock, anchor, audited })
  /** What a module needs that changes audited state. */
  const core = { sql, clock, ids, ledger, bus }
  const access = createAccess({ ...core, open: config.open })
  const rules = {
    Alert: checkAlert,
    BatchScoring: checkBatch,
    Deployment: createCheckDeployment(sql.dialect),
    Loop: checkLoop,
    Monitor: checkMonitor,
    Stream: checkStream,
  }
  const documents = createDocuments({ ...core, rules })

  const artifacts = createArtifacts({ sql, blobs, clock, uploadLimitBytes: config.uploadLimitBytes })
  const folders = createModelFolders({ blobs, folder: path.join(config.data, 'models'), filesOf: artifacts.filesOfFrozen })
  const runtimes = createRuntimes({
    blobs,
    clock,
    log,
    random: infra.random,
    memoryBytes: config.modelMemoryBytes,
    remote: { hosts: config.remoteHosts, readSecret: infra.readSecret },
    python: { folders, interpreter: config.python, environment: infra.childEnvironment },
  })
  const uploads = createUploads({ sql, blobs, clock, ids, artifacts, uploadLimitBytes: config.uploadLimitBytes })
  const collector = createCollector({ sql, blobs, clock, log, tables: audited })
  const runs = createRuns({ sql, clock, log, random: infra.random })
  const tracking = createTrackingVerbs({ sql, runs })
  const registry = createRegistry({ ...core, blobs, runtimes, documents, places: versionOrigins({ runs, artifacts }) })
  const webhooks = createWebhooks({ ...core, jobs, registry, fetchPublic: infra.fetchPublic })
  const evaluations = createEvaluations({ ...core, experiments: runs })
  const telemetry = createTelemetry({ columns, spool, clock, log, workersWaitSinceMs: infra.workersWaitSinceMs })
  const traces = createTraces({ ...core, experiments: runs })
  const place = { node: infra.place.node, shared: infra.place.sharing !== 'alone' || sql.dialect === 'postgresql' }
  const deployments = createDeployments({ ...core, ...place, documents, registry, runtimes, telemetry, log })

  const batchRoom = { data: config.data, batchFolders: config.batchFolders, metadataUrl: config.sqlUrl, ...machine() }
  const batch = createBatch({ ...core, ...batchRoom, jobs, blobs, columns, documents, registry, log, readSecret: infra.readSecret })
  const streams = createStreams({ ...core, connections: infra.streams, blobs, documents, registry, deployments, log })
  const quarantine = createQuarantine(core)
  const incidents = createIncidents(core)
  const drift = createDrift({
    ...core,
    blobs,
    jobs,
    calculations,
    documents,
    registry,
    quarantine,
    telemetry,
    incidents,
    hasDropped: (project, monitor) => estimates.hasDropped(project, monitor),
  })
  const estimates = createEstimates({ ...core, blobs, jobs, calculations, documents, registry, telemetry })
  const rollouts = createRollouts({ ...core, jobs, documents, registry, deployments, quarantine })
  const labels = createLabels({
    columns,
    telemetry,
    clock,
    log,
    async onPairs(segmentId, pairs) {
      await drift.consumePairs(segmentId, pairs)
      await rollouts.consumePairs(segmentId, pairs)
    },
  })
  const objectives = createObjectives({ documents, labels, telemetry })
  const alerts = createAlerts({ sql, clock, ids, ledger, bus, jobs, documents, fetch: infra.fetch, readSecret: infra.readSecret })

  const gates = createGates({ ...core, blobs, documents, registry, runtimes, telemetry, quarantine })
  const advisor = createAdvisor({ ...core, documents, registry, deployments, rollouts, gates })
  const trainers = { folder: path.join(config.data, 'trainings'), serverUrl, environment: infra.childEnvironment }
  const retraining = createRetraining({ ...core, ...trainers, jobs, blobs, documents, registry, telemetry, quarantine, access })
  const loops = createLoops({ ...core, documents, rollouts })
  const triage = createTriage({ ...core, telemetry, drift, estimates, documents, registry, quarantine, calculations })
  const activity = createActivity({ bus })
  return {
    anchor,
    ledger,
    access,
    documents,
    runtimes,
    runs,
    tracking,
    registry,
    webhooks,
    evaluations,
    artifacts,
    uploads,
    collector,
    telemetry,
    traces,
    deployments,
    batch,
    streams,
    quarantine,
    drift,
    estimates,
    rollouts,
    labels,
    objectives,
    alerts,
    gates,
    advisor,
    retraining,
    incidents,
    loops,
    triage,
    activity,
  }
}

/** The contract, each part bound to its module, and the protocols. */
function routesOf(infra: Infra, modules: Modules, statistics: Statistics) {
  const { config, clock, ids } = infra
  const { telemetry, deployments } = modules
  const options: BindOptions = {
    bodyLimitBytes: config.bodyLimitBytes,
    uploadLimitBytes: config.uploadLimitBytes,
    checkReplies: infra.checkReplies,
  }
  return [
    ...bind(operations.access, modules.access, options),
    ...bind(operations.documents, modules.documents, options),
    ...bind(operations.registry, modules.registry, options),
    ...bind(operations.webhooks, modules.webhooks, options),
    ...bind(operations.evaluations, modules.evaluations, options),
    ...bind(operations.artifacts, { ...modules.artifacts, ...modules.collector }, options),
    ...bind(operations.experiments, modules.tracking.experiments, options),
    ...bind(operations.runs, { ...modules.tracking.runs, ...purgeRuns({ ...infra, ...modules }) }, options),
    ...bind(operations.advise, modules.advisor, options),
    ...bind(operations.deployments, modules.deployments, options),
    ...bind(operations.batch, modules.batch, options),
    ...bind(operations.streams, modules.streams, options),
    ...bind(operations.telemetry, modules.telemetry, options),
    ...bind(operations.traces, modules.traces, options),
    ...bind(operations.labels, modules.labels, options),
    ...bind(operations.drift, modules.drift, options),
    ...bind(operations.estimates, modules.estimates, options),
    ...bind(operations.triage, modules.triage, options),
    ...bind(operations.objectives, modules.objectives, options),
    ...bind(operations.quarantine, modules.quarantine, options),
    ...bind(operations.gates, modules.gates, options),
    ...bind(operations.retraining, modules.retraining, options),
    ...bind(operations.rollouts, modules.rollouts, options),
    ...bind(operations.loops, modules.loops, options),
    ...bind(operations.incidents, modules.incidents, options),
    ...bind(operations.alerts, modules.alerts, options),
    ...bind(operations.ledger, modules.ledger, options),
    ...bind(operations.activity, modules.activity, options),
    ...oipRoutes({ deployments, ids, statistics, bodyLimitBytes: config.bodyLimitBytes, version: VERSION }),
    ...predictRoutes({ ...modules, ids, clock, bodyLimitBytes: config.bodyLimitBytes }),
    ...kserveV1Routes({ deployments, ids, bodyLimitBytes: config.bodyLimitBytes }),
    ...mlflowRoutes({ ...modules, clock, bodyLimitBytes: config.bodyLimitBytes, uploadLimitBytes: config.uploadLimitBytes }),
    ...otlpRoutes(modules),
    ...huggingfaceRoutes({ ...modules, blobs: infra.blobs, bodyLimitBytes: config.bodyLimitBytes }),
    ...prometheusRoutes({ ...modules, infra, node: infra.place.node }),
    ...systemRoutes({ openapi: openapiFrom(operations, VERSION), infra, telemetry }),
  ]
}
