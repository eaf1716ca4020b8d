import { AppError } from '../../../contract/errors.ts'
import type { Model, ModelVersion } from '../../../contract/model-record.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { findModel, findVersion } from './store.ts'

/** Throws `not_found` naming the latest version, or the model when there is none. */
export async function needVersion(db: Db, project: string, model: string, version: number): Promise<ModelVersion> {
  const found = await findVersion(db, project, model, version)
  if (found) return found
  const known = await findModel(db, project, model)
  if (!known) throw noModel(project, model)
  throw new AppError('not_found', `Model Version (name=${model}, version=${version}) not found: the latest is ${known.latestVersion}`, {
    model,
    version,
  })
}

/** Throws `not_found` when the project has no such model. */
export async function needModel(db: Db, project: string, model: string): Promise<Model> {
  const found = await findModel(db, project, model)
  if (!found) throw noModel(project, model)
  return found
}

function noModel(project: string, model: string): AppError {
  return new AppError(
    'not_found',
    `Registered Model with name=${model} not found in project ${project}; see "setpoint registry list-models"`,
    {
      model,
    },
  )
}
