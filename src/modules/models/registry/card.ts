import type { Model, ModelVersion } from '../../../contract/model-record.ts'

type Card = { readonly markdown: string; readonly facts: Record<string, unknown> }

/**
 * The model card of a version, after Mitchell et al., "Model Cards for Model Reporting" (2019): what it is for, what it was
 * made from, how it does, over all and by slice, what it must not be used for, whom to ask. What the record does not say is
 * named as missing. Intended use, limitations and contact are read from the tags `intended_use`, `limitations`, `contact`.
 */
export function cardOf(model: Model, version: ModelVersion): Card {
  const tags = { ...model.tags, ...version.tags }
  const facts = {
    model: model.name,
    version: version.version,
    semanticVersion: version.semanticVersion ?? tags.semantic_version ?? null,
    description: version.description || model.description || null,
    intendedUse: tags.intended_use ?? null,
    limitations: tags.limitations ?? null,
    owner: version.owner,
    contact: tags.contact ?? null,
    licence: tags.licence ?? tags.license ?? null,
    format: version.format,
    flavors: version.flavors,
    inputs: version.facts?.inputs ?? version.signature?.inputs ?? [],
    outputs: version.facts?.outputs ?? version.signature?.outputs ?? [],
    features: version.features,
    processing: version.processing,
    digest: version.digest,
    manifest: version.manifest,
    run: version.runId,
    evaluation: version.evaluation,
    stage: version.stage,
    aliases: version.aliases,
    unsafe: version.unsafe,
    warnings: version.warnings,
    registered: new Date(version.createdAt).toISOString(),
    registeredBy: version.createdBy,
  }
  return { markdown: markdownOf(facts), facts }
}

type Facts = ReturnType<typeof cardOf>['facts'] & {
  readonly evaluation: ModelVersion['evaluation']
  readonly manifest: ModelVersion['manifest']
}

function markdownOf(facts: Facts): string {
  const or = (value: unknown, missing: string) =>
    value === null || value === undefined || value === '' ? `_${missing}_` : escaped(String(value))
  const ports = (list: unknown) =>
    (list as { name: string | null; datatype?: string; type?: string; shape: number[] | null }[]).map(
      ({ name, datatype, type, shape }) => `- \`${name ?? 'unnamed'}\`: ${datatype ?? type}${shape ? ` [${shape.join(', ')}]` : ''}`,
    )
  const { commit, dataSnapshot, parent, training } = facts.manifest
  return [
    `# ${escaped(String(facts.model))}, version ${facts.version}`,
    or(facts.description, 'No description was given.'),
    '## Intended use',
    or(facts.intendedUse, 'Not stated. Set the tag `intended_use` on the model.'),
    '## Limitations',
    or(facts.limitations, 'Not stated. Set the tag `limitations` on the model.'),
    '## Data and code',
    [
      `- code commit: ${or(commit, 'not recorded')}`,
      `- data snapshot: ${or(dataSnapshot, 'not recorded')}`,
      `- trained from version: ${or(parent, 'none')}`,
      `- run: ${or(facts.run ?? training, 'not recorded')}`,
    ].join('\n'),
    '## Inputs and outputs',
    [...ports(facts.inputs), '', ...ports(facts.outputs).map((line) => `${line} (output)`)].join('\n').trim() ||
      '_Not known: no signature._',
    '## Metrics',
    metricsTable(facts.evaluation),
    '## Who to ask',
    `- owner: ${or(facts.owner, 'none')}\n- contact: ${or(facts.contact, 'not stated')}\n- licence: ${or(facts.licence, 'not stated')}`,
    ...((facts.warnings as string[]).length > 0
      ? ['## Warnings', (facts.warnings as string[]).map((line) => `- ${escaped(line)}`).join('\n')]
      : []),
    `Registered ${facts.registered} by ${escaped(String(facts.registeredBy))}; stage ${facts.stage}; SHA-256 \`${facts.digest ?? 'of a folder'}\`.`,
    '',
  ].join('\n\n')
}

/** One row over all, then one a slice. */
function metricsTable(evaluation: ModelVersion['evaluation']): string {
  if (!evaluation) return '_No evaluation report was given with this version._'
  const names = [...new Set([evaluation, ...(evaluation.slices ?? [])].flatMap(({ metrics }) => Object.keys(metrics)))].slice(0, 50)
  const row = (label: string, rows: number, metrics: Readonly<Record<string, number>>) =>
    `| ${escaped(label)} | ${rows} | ${names.map((name) => metrics[name] ?? '').join(' | ')} |`
  return [
    `| ${escaped(evaluation.dataset)} | rows | ${names.map(escaped).join(' | ')} |`,
    `| --- | --- | ${names.map(() => '---').join(' | ')} |`,
    row('all', evaluation.rows, evaluation.metrics),
    ...(evaluation.slices ?? []).map((slice) => row(slice.name, slice.rows, slice.metrics)),
  ].join('\n')
}

/** Text of people stays text: it makes no table cell, tag or heading of its own. */
function escaped(text: string): string {
  return text.replace(/[\\`*_[\]<>|#]/g, '\\$&').replaceAll('\n', ' ')
}
