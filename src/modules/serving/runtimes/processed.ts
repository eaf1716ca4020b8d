import { AppError } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import { changesAfter } from '../../../lib/processing/after.ts'
import { changesBefore } from '../../../lib/processing/before.ts'
import type { LoadedModel } from './model.ts'

/**
 * The model with what its version says is done around it: whoever scores with it gets the processed score. Releases the model
 * and throws `unsupported` where it gives no score a row that anything could be done to.
 */
export async function processed(
  model: LoadedModel,
  { model: name, version, features, processing }: Pick<ModelVersion, 'model' | 'version' | 'features' | 'processing'>,
): Promise<LoadedModel> {
  if (!processing) return model
  if (!model.tabular) {
    await model.release()
    throw new AppError('unsupported', `model ${name} version ${version} has processing, but gives no score a row`)
  }
  const before = changesBefore(processing, features)
  const after = changesAfter(processing, features)
  return {
    ...model,
    score: async (values, rows) => after(await model.score(before(values), rows), values),
    infer: () =>
      Promise.reject(
        new AppError(
          'invalid',
          `model ${name} version ${version} is asked for score, prediction and version only: its own outputs are not processed`,
        ),
      ),
  }
}
