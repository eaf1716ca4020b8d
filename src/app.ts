import path from 'node:path'
import { operations } from './contract/operations.ts'
import { closeTheLoop } from './flows/close-the-loop.ts'
import { freezeReference } from './flows/freeze-reference.ts'
import { type BindOptions, bind } from './infra/http/bind.ts'
import { openapiFrom } from './infra/http/openapi.ts'
import { createHttp } from './infra/http/server.ts'
import { createStaticFiles } from './infra/http/static-files.ts'
import type { Infra } from './infra/open.ts'
import { createGates, verdictsTable } from './modules/change/gates/index.ts'
import { createIncidents, incidentsTable } from './modules/change/incidents/index.ts'
import { checkLoop, createLoops, loopRunsTable } from './modules/change/loops/index.ts'
import { createRetraining, trainingsTable } from './modules/change/retraining/index.ts'
import { createRollouts, rolloutsTable } from './modules/change/rollouts/index.ts'
import { createTriage } from './modules/change/triage/index.ts'
import { createQuarantine, quarantineTable } from './modules/data/quarantine/index.ts'
import { createAccess, keysTable, projectsTable } from './modules/govern/access/index.ts'
import { createDocuments, documentsTable, documentVersionsTable } from './modules/govern/documents/index.ts'
import { createFileAnchor, createLedger, createLedgerStore } from './modules/govern/ledger/index.ts'
import { aliasesTable, createRegistry, modelsTable, versionsTable } from './modules/models/registry/index.ts'
import { createDeployments, routesTable } from './modules/serving/deployments/index.ts'
import { createRuntimes } from './modules/serving/runtimes/index.ts'
import { createActivity } from './modules/watch/activity/index.ts'
import { checkAlert, createAlerts } from './modules/watch/alerts/index.ts'
import { createDrift, profilesTable } from './modules/watch/drift/index.ts'
import { createLabels } from './modules/watch/labels/index.ts'
import { createObjectives } from './modules/watch/objectives/index.ts'
import { createTelemetry } from './modules/watch/telemetry/index.ts'
import { oipRoutes } from './protocols/oip/oip.ts'
import { prometheusRoutes } from './protocols/prometheus/prometheus.ts'
import { systemRoutes } from './protocols/system/system.ts'

const VERSION = '0.1.0'

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
  profilesTable,
  quarantineTable,
  verdictsTable,
  trainingsTable,
  rolloutsTable,
  loopRunsTable,
  incidentsTable,
]

export type App = Awaited<ReturnType<typeof createApp>>

/**
 * The composition root: builds every module on the infrastructure, binds the contract, subscribes the flows, mounts the
 * protocols. What depends on what is what is handed to what, here.
 */
export async function createApp(infra: Infra) {
  const { config, sql, blobs, columns, spool, clock, ids, log, bus, jobs } = infra
  const anchor = createFileAnchor(path.join(config.data, 'ledger.head'), (error) => log.error('ledger.anchor_failed', { error }))
  const ledger = createLedger({ sql, store: createLedgerStore(sql), clock, anchor, audited })
  const access = createAccess({ sql, clock, ids, ledger, bus })
  const documents = createDocuments({ sql, clock, ledger, bus, rules: { Alert: checkAlert, Loop: checkLoop } })

  const runtimes = createRuntimes({ blobs })
  const registry = createRegistry({ sql, blobs, runtimes, clock, ledger, bus })
  const telemetry = createTelemetry({ columns, spool, clock, log })
  const deployments = createDeployments({ sql, documents, registry, runtimes, telemetry, ledger, bus, clock, ids, log })

  const quarantine = createQuarantine({ sql, clock, ids, ledger, bus })
  const drift = createDrift({ sql, clock, ids, ledger, bus, documents, registry, quarantine })
  const rollouts = createRollouts({ sql, clock, ids, jobs, ledger, bus, documents, registry, deployments, quarantine })
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
  const alerts = createAlerts({ sql, clock, ids, bus, jobs, documents, fetch: infra.fetch, readSecret: infra.readSecret })

  const gates = createGates({ sql, clock, ids, ledger, bus, blobs, documents, registry, runtimes, telemetry, quarantine })
  const folder = path.join(config.data, 'trainings')
  const { childEnvironment: environment, serverUrl } = infra
  const retraining = createRetraining({
    sql,
    clock,
    ids,
    jobs,
    ledger,
    bus,
    blobs,
    documents,
    registry,
    telemetry,
    quarantine,
    access,
    folder,
    serverUrl,
    environment,
  })
  const incidents = createIncidents({ sql, clock, ids, ledger, bus })
  const loops = createLoops({ sql, clock, ids, ledger, bus, documents, rollouts })
  const triage = createTriage({ telemetry, drift, documents, quarantine })
  const activity = createActivity({ bus })

  freezeReference({ bus, registry, runtimes, blobs, drift, documents })
  const loop = closeTheLoop({
    sql,
    bus,
    jobs,
    clock,
    log,
    documents,
    drift,
    triage,
    quarantine,
    retraining,
    gates,
    rollouts,
    incidents,
    loops,
  })

  const options: BindOptions = {
    bodyLimitBytes: config.bodyLimitBytes,
    uploadLimitBytes: config.uploadLimitBytes,
    checkReplies: infra.checkReplies,
  }
  const http = createHttp({
    routes: [
      ...bind(operations.access, access, options),
      ...bind(operations.documents, documents, options),
      ...bind(operations.registry, registry, options),
      ...bind(operations.deployments, deployments, options),
      ...bind(operations.telemetry, telemetry, options),
      ...bind(operations.labels, labels, options),
      ...bind(operations.drift, drift, options),
      ...bind(operations.objectives, objectives, options),
      ...bind(operations.quarantine, quarantine, options),
      ...bind(operations.gates, gates, options),
      ...bind(operations.retraining, retraining, options),
      ...bind(operations.rollouts, rollouts, options),
      ...bind(operations.loops, loops, options),
      ...bind(operations.incidents, incidents, options),
      ...bind(operations.alerts, alerts, options),
      ...bind(operations.ledger, ledger, options),
      ...bind(operations.activity, activity, options),
      ...oipRoutes({ deployments, ids, bodyLimitBytes: config.bodyLimitBytes, version: VERSION }),
      ...prometheusRoutes({ telemetry, infra }),
      ...systemRoutes({ openapi: openapiFrom(operations, VERSION), infra, telemetry }),
    ],
    authenticate: access.authenticate,
    fallback: createStaticFiles(infra.consoleFolder),
    ids,
    log,
    requestTimeoutMs: config.requestTimeoutMs,
  })

  return {
    http,
    access,
    telemetry,
    /** Brings everything up to where it was; answers whether this is the very first start. */
    async start(): Promise<boolean> {
      const first = await access.prepare()
      await bus.start()
      await deployments.start()
      telemetry.start([labels, { name: 'drift', consume: (segment) => drift.consumeSegment(segment) }])
      await jobs.start()
      await loop.start()
      return first
    },
    /** Ends in the order that loses nothing: requests, jobs, events, telemetry, models. */
    async stop(graceMs: number): Promise<void> {
      await http.close(graceMs)
      await jobs.stop(graceMs)
      await bus.stop()
      await telemetry.stop()
      await runtimes.close()
      await anchor.settle()
    },
  }
}
