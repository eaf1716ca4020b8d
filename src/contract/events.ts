import { z } from 'zod'

/** Every domain event: its name, owned by the module before the dot, and what it says. */
export const events = {
  'access.key_revoked': 'an API key was revoked',
  'documents.applied': 'a document was created or changed',
  'documents.deleted': 'a document was taken out of force',
  'registry.model_created': 'a model was created',
  'registry.model_updated': 'a model’s description or tags changed',
  'registry.model_renamed': 'a model has another name',
  'registry.model_deleted': 'a model was deleted with its versions',
  'registry.version_updated': 'a version’s description, tags or stage changed',
  'registry.version_deleted': 'a version was deleted',
  'registry.version_registered': 'a model version was registered',
  'registry.alias_moved': 'an alias points at another version',
  'registry.alias_removed': 'an alias was removed',
  'deployments.route_changed': 'traffic of a deployment goes elsewhere',
  'batch.run_started': 'a partition is being scored',
  'batch.run_succeeded': 'a partition has new predictions',
  'batch.run_failed': 'a partition could not be scored; readers see the predictions from before',
  'batch.sla_missed': 'predictions are late',
  'drift.profile_frozen': 'the reference profile of a version was frozen',
  'drift.detected': 'a monitor crossed its alarm threshold',
  'drift.confirmed': 'a monitor crossed its threshold again, on new rows only',
  'quarantine.added': 'rows are kept out of training',
  'quarantine.lifted': 'rows may teach again',
  'gates.decided': 'a gate passed or refused a challenger',
  'retraining.started': 'a training began',
  'retraining.ended': 'a training ended',
  'rollouts.started': 'a challenger entered shadow',
  'rollouts.advanced': 'a rollout entered its next stage, was held or resumed',
  'rollouts.ended': 'a challenger was promoted or rolled back',
  'incidents.opened': 'an incident was opened',
  'incidents.noted': 'an incident has a new line',
  'incidents.closed': 'an incident was closed',
  'alerts.fired': 'an alert fired',
  'alerts.changed': 'an alert was acknowledged or resolved',
  'loops.started': 'a run of the loop began',
  'loops.advanced': 'a run entered its next step, waits or was held',
  'loops.ended': 'a run of the loop ended',
} as const satisfies Record<string, string>

export type EventName = keyof typeof events
export const EventName = z.enum(Object.keys(events) as [EventName, ...EventName[]])
