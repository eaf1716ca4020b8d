/** Everything that was chosen for this benchmark, in one place. None of it was tuned on the rows it is scored on. */
export const FEATURES = ['period', 'nswprice', 'nswdemand', 'vicprice', 'vicdemand', 'transfer'] as const
export const TREES = { trees: 60, depth: 4, learningRate: 0.1, minRowsPerLeaf: 20, seed: 1 } as const
/** Labels come a day late: 48 half hours. */
export const LABEL_DELAY_ROWS = 48
/** Rows a second. In truth they come 48 a day, so that a training takes no row at all; here two seconds of it take 150. */
export const RATE = 75
const stage = { minRows: 100, maxSeconds: 20, margin: 0.01, alpha: 0.05 }

const manifest = (kind: string, spec: object) => ({ apiVersion: 'setpoint/v1', kind, metadata: { name: 'elec2', owner: 'bench' }, spec })
export const documents = [
  manifest('Deployment', { model: 'elec2', threshold: 0.5 }),
  manifest('Monitor', { deployment: 'elec2', falseAlarmBudget: { everyRows: 100_000 }, tolerance: { features: 0.05, error: 0.02 } }),
  manifest('Gate', { metric: 'error_rate', require: 'better', minRows: 300, confidence: 0.95 }),
  manifest('Trainer', {
    command: ['node', 'bench/elec2/train.ts'],
    timeoutSeconds: 60,
    snapshot: { maxRows: 4_531, minRows: 500, holdOut: 0.2, includeReference: false },
  }),
  manifest('Loop', {
    deployment: 'elec2',
    monitor: 'elec2',
    trainer: 'elec2',
    gate: 'elec2',
    enabled: true,
    cooldownSeconds: 3,
    maxTrainings: 1,
    corroborate: { withinSeconds: 20, labelledRows: 400 },
    rollout: { shadow: stage, canary: { percent: 20, maxErrorRate: 0.01, ...stage } },
  }),
]
