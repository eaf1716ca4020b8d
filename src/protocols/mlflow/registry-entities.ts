import { AppError } from '../../contract/errors.ts'
import type { Model, ModelVersion, Stage } from '../../contract/model-record.ts'

export const PROMPT_TAG = 'mlflow.prompt.is_prompt'

const stages: Readonly<Record<string, { readonly shown: string; readonly stage: Stage; readonly active: boolean }>> = {
  none: { shown: 'None', stage: 'experimental', active: false },
  staging: { shown: 'Staging', stage: 'staging', active: true },
  production: { shown: 'Production', stage: 'production', active: true },
  archived: { shown: 'Archived', stage: 'archived', active: false },
}

/** What the protocol calls a stage; ours between two of its own are the earlier one to it. */
const shownStages: Readonly<Record<Stage, string>> = {
  experimental: 'None',
  candidate: 'None',
  staging: 'Staging',
  production: 'Production',
  archived: 'Archived',
}

/** Throws `invalid` for a word that is no stage; upper and lower case are the same. */
export function stageFrom(text: string) {
  const found = stages[text.toLowerCase()]
  if (found) return found
  throw new AppError(
    'invalid',
    `Invalid Model Version stage: ${text}. Value must be one of ${Object.values(stages)
      .map(({ shown }) => shown)
      .join(', ')}.`,
  )
}

export function modelFrom(model: Model, versions: readonly ModelVersion[]) {
  const tags = tagsFrom(model.tags)
  return {
    name: model.name,
    creation_timestamp: model.createdAt,
    last_updated_timestamp: model.updatedAt,
    description: model.description,
    latest_versions: latestOfEachStage(versions).map(versionFrom),
    ...(tags.length > 0 && { tags }),
    ...(model.aliases.length > 0 && { aliases: model.aliases.map(({ alias, version }) => ({ alias, version: String(version) })) }),
  }
}

function latestOfEachStage(versions: readonly ModelVersion[]): ModelVersion[] {
  const newest = new Map<string, ModelVersion>()
  for (const version of versions.toSorted((a, b) => b.version - a.version)) {
    const stage = shownStages[version.stage]
    if (!newest.has(stage)) newest.set(stage, version)
  }
  return [...newest.values()]
}

export function versionFrom(version: ModelVersion) {
  const tags = tagsFrom(version.tags)
  return {
    name: version.model,
    version: String(version.version),
    creation_timestamp: version.createdAt,
    last_updated_timestamp: version.updatedAt,
    current_stage: shownStages[version.stage],
    description: version.description,
    source: version.source ?? '',
    run_id: version.runId ?? '',
    run_link: version.runLink ?? '',
    status: 'READY',
    ...(version.loggedModel && { model_id: version.loggedModel }),
    ...(tags.length > 0 && { tags }),
    ...(version.aliases.length > 0 && { aliases: version.aliases }),
  }
}

function tagsFrom(tags: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }))
}
