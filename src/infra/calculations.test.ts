import { getPriority } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { type Calculations, createCalculations } from './calculations.ts'

/** A program as text, so that each test says what its thread does. */
const program = (code: string) =>
  new URL(`data:text/javascript,${encodeURIComponent(`import { parentPort, workerData } from 'node:worker_threads'\n${code}`)}`)

let calculations: Calculations | undefined
afterEach(() => calculations?.close())

test('a calculation answers what it was given, in the order asked for, while this thread goes on', async () => {
  calculations = createCalculations()
  const doubled = program('parentPort.postMessage(workerData.map((value) => 2 * value))')
  const answers = [[1, 2], [3], []].map((given) => calculations!.run<number[], number[]>(doubled, given))
  expect(await Promise.all(answers)).toEqual([[2, 4], [6], []])
})

test.runIf(process.platform === 'linux')('a calculation gives way to this thread, whose own priority stays', async () => {
  calculations = createCalculations()
  const before = getPriority()
  const asked = program('import { getPriority } from "node:os"\nparentPort.postMessage(getPriority())')
  expect(await calculations.run(asked, null)).toBeGreaterThan(before)
  expect(getPriority()).toBe(before)
})

test('what fails, ends early or takes too long is an error that says so, and the next one runs', async () => {
  calculations = createCalculations()
  const asked = ['throw new RangeError("no rows")', '', 'for (;;);'].map((code) =>
    calculations!.run(program(code), null, { limitMs: 1_500 }),
  )
  const behind = calculations.run(program('parentPort.postMessage(1)'), null, { limitMs: 1 })
  const fine = calculations.run(program('parentPort.postMessage("fine")'), null)
  const reasons = (await Promise.allSettled([...asked, behind])).map((one) => one.status === 'rejected' && one.reason)
  expect(reasons).toMatchObject([
    { code: 'internal', message: expect.stringMatching(/no rows/) },
    { code: 'internal', message: expect.stringMatching(/without an answer/) },
    { code: 'timeout' },
    { code: 'timeout' },
  ])
  expect(await fine).toBe('fine')
})

test('too many that wait are refused; closing ends them all', async () => {
  calculations = createCalculations({ mostWaiting: 1 })
  const endless = program('for (;;);')
  const refused = Promise.all(
    [calculations.run(endless, null), calculations.run(endless, null)].map((one) => one.catch((error) => error.code)),
  )
  await expect(calculations.run(endless, null)).rejects.toMatchObject({ code: 'throttled' })
  await calculations.close()
  expect(await refused).toEqual(['cancelled', 'cancelled'])
  await expect(calculations.run(endless, null)).rejects.toMatchObject({ code: 'cancelled' })
})
