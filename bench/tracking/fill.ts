import { DatabaseSync } from 'node:sqlite'
import { createRandom } from '../../src/lib/random.ts'
import type { ServerKind } from './servers.ts'

const METRICS_PER_RUN = 20
const PARAMS_PER_RUN = 5
const STARTED_MS = 1_700_000_000_000

/** Writes one run into the tables of one of the servers. */
type Writer = {
  run(n: number, id: string): void
  metric(n: number, id: string, key: string, value: number): void
  param(n: number, id: string, key: string, value: string): void
  tag(n: number, id: string, key: string, value: string): void
}

/**
 * Puts `runs` runs of the default experiment straight into the SQLite file of a server, with twenty metrics, five params
 * and a name each; the same ones for every server. Its own interface would take hours with the slower of them.
 */
export function fill(kind: ServerKind, file: string, runs: number): void {
  // The reference server makes the default experiment, which the runs name, only when it starts.
  const db = new DatabaseSync(file, { enableForeignKeyConstraints: false })
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN')
  const writer = kind === 'Setpoint' ? ownWriter(db, runs) : referenceWriter(db)
  const random = createRandom('tracking')
  for (let n = 1; n <= runs; n++) {
    const id = n.toString(16).padStart(32, '0')
    writer.run(n, id)
    for (let m = 0; m < METRICS_PER_RUN; m++) writer.metric(n, id, `metric_${m}`, random.next())
    for (let p = 0; p < PARAMS_PER_RUN; p++) writer.param(n, id, `param_${p}`, String(random.int(10)))
    writer.tag(n, id, 'mlflow.runName', `run-${n}`)
  }
  db.exec('COMMIT')
  db.close()
}

function ownWriter(db: DatabaseSync, runs: number): Writer {
  db.prepare(`INSERT INTO tracking_numbers VALUES ('default', 'run', ?)`).run(runs)
  const run = db.prepare(`INSERT INTO runs VALUES ('default', ?, ?, 0, ?, 'bench', 'FINISHED', 'active', ?, ?, NULL, ?)`)
  const metric = db.prepare(`INSERT INTO run_metrics VALUES ('default', ?, ?, ?, 0, ?, 0)`)
  const latest = db.prepare(`INSERT INTO run_latest_metrics VALUES ('default', ?, ?, 0, ?, 0, ?, 0)`)
  const param = db.prepare(`INSERT INTO run_params VALUES ('default', ?, ?, ?, 0, ?)`)
  const tag = db.prepare(`INSERT INTO run_tags VALUES ('default', ?, ?, ?, 0, ?)`)
  return {
    run: (n, id) => void run.run(n, id, `run-${n}`, STARTED_MS + n, STARTED_MS + n + 1, `mlflow-artifacts:/0/${id}/artifacts`),
    metric(n, _id, key, value) {
      metric.run(n, key, STARTED_MS, value)
      latest.run(n, key, value, STARTED_MS)
    },
    param: (n, _id, key, value) => void param.run(n, key, value, value),
    tag: (n, _id, key, value) => void tag.run(n, key, value, value),
  }
}

function referenceWriter(db: DatabaseSync): Writer {
  const run = db.prepare(`INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,
    end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
    VALUES (?, ?, 'UNKNOWN', '', '', 'bench', 'FINISHED', ?, ?, '', 'active', ?, 0)`)
  const metric = db.prepare(`INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, 0, 0)`)
  const latest = db.prepare(`INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, 0, 0, ?)`)
  const param = db.prepare(`INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)`)
  const tag = db.prepare(`INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)`)
  return {
    run: (n, id) => void run.run(id, `run-${n}`, STARTED_MS + n, STARTED_MS + n + 1, `mlflow-artifacts:/0/${id}/artifacts`),
    metric(_n, id, key, value) {
      metric.run(key, value, STARTED_MS, id)
      latest.run(key, value, STARTED_MS, id)
    },
    param: (_n, id, key, value) => void param.run(key, value, id),
    tag: (_n, id, key, value) => void tag.run(key, value, id),
  }
}
