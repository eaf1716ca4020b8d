import { access } from './access.ts'
import { activity } from './activity.ts'
import { advise } from './advise.ts'
import { alerts } from './alerts.ts'
import { artifacts } from './artifacts.ts'
import { batch } from './batch.ts'
import { deployments } from './deployments.ts'
import { documents } from './documents.ts'
import { drift } from './drift.ts'
import type { Contract } from './endpoint.ts'
import { estimates } from './estimates.ts'
import { evaluations } from './evaluations.ts'
import { experiments } from './experiments.ts'
import { gates } from './gates.ts'
import { incidents } from './incidents.ts'
import { labels } from './labels.ts'
import { ledger } from './ledger.ts'
import { loops } from './loops.ts'
import { objectives } from './objectives.ts'
import { quarantine } from './quarantine.ts'
import { registry } from './registry.ts'
import { retraining } from './retraining.ts'
import { rollouts } from './rollouts.ts'
import { runs } from './runs.ts'
import { streams } from './streams.ts'
import { telemetry } from './telemetry.ts'
import { traces } from './traces.ts'
import { triage } from './triage.ts'
import { webhooks } from './webhooks.ts'

/** Every operation of the product, by module: what the server binds, the command line offers and the reference lists. */
export const operations = {
  access,
  documents,
  registry,
  experiments,
  runs,
  evaluations,
  artifacts,
  webhooks,
  advise,
  deployments,
  batch,
  streams,
  telemetry,
  traces,
  labels,
  drift,
  estimates,
  triage,
  objectives,
  quarantine,
  gates,
  retraining,
  rollouts,
  loops,
  incidents,
  alerts,
  ledger,
  activity,
} as const satisfies Record<string, Contract>
