import { expect, test } from 'vitest'
import { createFairMutex } from './fair-mutex.ts'

test('turns are given first come first served, one at a time', async () => {
  const mutex = createFairMutex()
  const seen: number[] = []
  let inside = 0
  const work = Array.from({ length: 3_000 }, async (_, i) => {
    const release = await mutex.acquire()
    expect(++inside).toBe(1)
    await null
    seen.push(i)
    inside--
    release()
    release()
  })
  await Promise.all(work)
  expect(seen).toEqual(Array.from({ length: 3_000 }, (_, i) => i))
})

test('beyond the limit the next is refused, and served again once one has left', async () => {
  const mutex = createFairMutex(1)
  const release = await mutex.acquire()
  const second = mutex.acquire()
  await expect(mutex.acquire()).rejects.toMatchObject({ code: 'throttled' })
  release()
  const third = mutex.acquire()
  ;(await second)()
  ;(await third)()
})
