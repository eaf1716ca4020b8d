import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'

/** The answer, or `timeout` when it has not come within `limitMs`; without a limit the answer itself. `onTimeout` ends the work where it can be ended. */
export function within<T>(
  clock: Clock,
  limitMs: number | undefined,
  answer: Promise<T>,
  what: string,
  onTimeout: () => void = () => {},
): Promise<T> {
  if (limitMs === undefined) return answer
  return new Promise((resolve, reject) => {
    const cancel = clock.after(limitMs, () => {
      reject(new AppError('timeout', `${what} did not answer within ${limitMs} ms`, { limitMs }))
      onTimeout()
    })
    answer.then(resolve, reject).finally(cancel)
  })
}
