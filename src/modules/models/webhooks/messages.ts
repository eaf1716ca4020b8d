import type { Model, ModelVersion } from '../../../contract/model-record.ts'
import type { WebhookEvent } from '../../../contract/webhooks.ts'

const PROMPT_TAG = 'mlflow.prompt.is_prompt'
const PROMPT_TYPE_TAG = '_mlflow_prompt_type'
const PROMPT_TEXT_TAG = 'mlflow.prompt.text'

type Told = { readonly event: WebhookEvent; readonly data: object }
/** What happened, and the record as it stands now; tags are those of the event where it carries them. */
export type Happening = {
  readonly name: string
  readonly data: Readonly<Record<string, unknown>>
  readonly model: Model
  readonly version: ModelVersion | undefined
}

/** What webhooks are told of a domain event: nothing, one message, or one for each tag. */
export function messagesFrom({ name, data, model, version }: Happening): Told[] {
  const told = data.tags as Readonly<Record<string, string>> | undefined
  const prompt = model.tags[PROMPT_TAG]?.toLowerCase() === 'true'
  const alias = { name: model.name, alias: data.alias }
  switch (name) {
    case 'registry.model_created':
      return [{ event: prompt ? 'prompt.created' : 'registered_model.created', data: modelFacts({ ...model, tags: told ?? model.tags }) }]
    case 'registry.version_registered':
      return version ? [versionMessage({ ...version, tags: told ?? version.tags }, prompt)] : []
    case 'registry.alias_moved':
      return [{ event: prompt ? 'prompt_alias.created' : 'model_version_alias.created', data: { ...alias, version: String(data.version) } }]
    case 'registry.alias_removed':
      return [{ event: prompt ? 'prompt_alias.deleted' : 'model_version_alias.deleted', data: alias }]
    case 'registry.model_updated':
      return prompt ? tagMessages('prompt_tag', { name: model.name }, told ?? model.tags, data) : []
    case 'registry.version_updated': {
      const held = { name: model.name, version: String(data.version) }
      return tagMessages(prompt ? 'prompt_version_tag' : 'model_version_tag', held, told ?? version?.tags ?? {}, data)
    }
    default:
      return []
  }
}

function modelFacts({ name, tags, description }: Model) {
  return { name, tags: withoutMarks(tags), description: description || null }
}

function versionMessage(version: ModelVersion, prompt: boolean): Told {
  const { model: name, source, runId, tags } = version
  const facts = { name, version: String(version.version), tags: withoutMarks(tags), description: version.description || null }
  if (prompt) return { event: 'prompt_version.created', data: { ...facts, template: tags[PROMPT_TEXT_TAG] ?? null } }
  return { event: 'model_version.created', data: { ...facts, source, run_id: runId } }
}

function tagMessages(
  entity: 'prompt_tag' | 'prompt_version_tag' | 'model_version_tag',
  held: object,
  tags: Readonly<Record<string, string>>,
  data: Happening['data'],
): Told[] {
  const keys = (field: string) => (Array.isArray(data[field]) ? (data[field] as string[]) : [])
  return [
    ...keys('tagsSet').map((key): Told => ({ event: `${entity}.set`, data: { ...held, key, value: tags[key] ?? null } })),
    ...keys('tagsRemoved').map((key): Told => ({ event: `${entity}.deleted`, data: { ...held, key } })),
  ]
}

/** Tags as people set them, without those that only say what sort of thing carries them. */
function withoutMarks(tags: Readonly<Record<string, string>>): Record<string, string> {
  const marks = [PROMPT_TAG, PROMPT_TYPE_TAG, PROMPT_TEXT_TAG]
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !marks.includes(key)))
}

/** An example of each event, for trying out a webhook. */
export function exampleOf(event: WebhookEvent): object {
  const [entity, action] = event.split('.') as [string, string]
  const name = entity.startsWith('prompt') ? 'example_prompt' : 'example_model'
  const tags = { example_key: 'example_value' }
  const description = `An example ${entity.replace('_', ' ')}`
  if (entity === 'registered_model' || entity === 'prompt') return { name, tags, description }
  if (entity === 'prompt_version') return { name, version: '1', template: 'Hello {{name}}!', tags, description }
  if (entity === 'model_version') return { name, version: '1', source: 'models:/123', run_id: 'abcd1234abcd5678', tags, description }
  if (entity.endsWith('_alias')) return { name, alias: 'example_alias', ...(action === 'created' && { version: '1' }) }
  return {
    name,
    ...(entity !== 'prompt_tag' && { version: '1' }),
    key: 'example_key',
    ...(action === 'set' && { value: 'example_value' }),
  }
}
