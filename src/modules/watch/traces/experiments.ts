import { AppError } from '../../../contract/errors.ts'

/** What traces need to know of the experiments they belong to. */
export type Experiments = {
  experiment(project: string, id: string): Promise<Experiment | undefined>
}

export type Experiment = {
  readonly id: string
  readonly lifecycle: 'active' | 'deleted'
  /** Where files of the experiment are kept, a URI. */
  readonly artifactLocation: string
}

/** Throws `not_found`. */
export async function needExperiment(experiments: Experiments, project: string, id: string): Promise<Experiment> {
  const found = await experiments.experiment(project, id)
  if (!found) throw new AppError('not_found', `No Experiment with id=${id} exists`, { experiment: id })
  return found
}

/** Throws `not_found`, or `invalid` when it is deleted. */
export async function needActiveExperiment(experiments: Experiments, project: string, id: string): Promise<Experiment> {
  const found = await needExperiment(experiments, project, id)
  if (found.lifecycle !== 'active')
    throw new AppError(
      'invalid',
      `The experiment ${id} must be in the 'active' state. Current state is ${found.lifecycle}; restore it to write to it.`,
      { experiment: id },
    )
  return found
}

/** Where files of a trace are kept, under those of its experiment. */
export function artifactLocation(experiment: Experiment, trace: string): string {
  return `${experiment.artifactLocation.replace(/\/$/, '')}/traces/${trace}/artifacts`
}
