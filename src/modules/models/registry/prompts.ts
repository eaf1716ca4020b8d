import { AppError } from '../../../contract/errors.ts'
import type { Model } from '../../../contract/model-record.ts'

/** Marks a model as a prompt; both share one space of names. */
export const PROMPT_TAG = 'mlflow.prompt.is_prompt'

function isPrompt({ tags }: Pick<Model, 'tags'>): boolean {
  return tags[PROMPT_TAG]?.toLowerCase() === 'true'
}

/** Why a name cannot be given again, in the words of what was asked for and of what has it. */
export function nameTaken(asked: Pick<Model, 'name' | 'tags'>, holder: Pick<Model, 'tags'>): AppError {
  const { name } = asked
  const [wanted, held] = [asked, holder].map(isPrompt)
  if (wanted === held)
    return new AppError('conflict', `${held ? 'Prompt' : 'Registered Model'} (name=${name}) already exists`, { model: name })
  const word = (prompt: boolean | undefined) => (prompt ? 'prompt' : 'registered model')
  return new AppError(
    'conflict',
    `Tried to create a ${word(wanted)} with name '${name}', but the name is already taken by a ${word(held)}. Models and prompts share their names; choose another.`,
    { model: name },
  )
}
