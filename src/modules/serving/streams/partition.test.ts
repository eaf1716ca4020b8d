import { expect, test } from 'vitest'
import { createManualClock } from '../../../../test/manual-clock.ts'
import { StreamSpec } from '../../../contract/streams.ts'
import { eachSql } from '../../../infra/sql/for-tests.ts'
import { claimPartition, LEASE_MS } from './partition.ts'
import { createStore } from './store.ts'

const place = (subject: string) => ({ kind: 'embedded', subject })
const specOf = (windows: object[]) =>
  StreamSpec.parse({
    deployment: 'd',
    source: { ...place('in'), group: 'g' },
    sink: place('out'),
    deadLetters: place('dead'),
    delivery: 'at-least-once',
    event: { id: 'id' },
    windows,
  })
const count = { name: 'seen', kind: 'tumbling', sizeMs: 1_000, key: 'card', aggregate: 'count' }
const key = { project: 'p', stream: 's', source: 'embedded/in/g', partition: '0' }

eachSql((_name, open) => {
  async function setUp() {
    const sql = await open()
    const clock = createManualClock()
    const deps = { sql, clock, store: createStore(sql.dialect) }
    const claim = (node: string, spec = specOf([count]), steal = false) => claimPartition(deps, key, spec, node, steal)
    const save = (partition: NonNullable<Awaited<ReturnType<typeof claim>>>) => {
      const snapshot = partition.snapshot()
      return sql.transaction((tx) => snapshot.saveIn(tx))
    }
    return { clock, claim, save }
  }

  test('a partition belongs to one process until its lease ends; the checkpoint of the one before is then refused', async () => {
    const { clock, claim, save } = await setUp()
    const first = (await claim('one'))!
    first.keyed.take({ card: 'x' }, 100, 0, false)
    first.advance(7, 1)
    expect(await save(first)).toBe(true)
    expect(await claim('two')).toBeUndefined()
    first.keyed.take({ card: 'x' }, 200, 0, false)
    first.advance(8, 1)
    clock.advance(LEASE_MS)
    const second = (await claim('two'))!
    expect(second.position()).toBe(7)
    expect(second.keyed.take({ card: 'x' }, 300, 0, false).get('seen')).toBe(2)
    expect(await save(first)).toBe(false)
    second.advance(8, 1)
    expect(await save(second)).toBe(true)
    expect((await claim('two'))!.keyed.take({ card: 'x' }, 300, 0, false).get('seen')).toBe(3)
  })

  test('state comes back as it was saved, key by key, with those that are gone', async () => {
    const { claim, save } = await setUp()
    const first = (await claim('one'))!
    for (let i = 0; i < 300; i++) first.keyed.take({ card: `c${i % 100}` }, 500, 0, false)
    first.advance(300, 300)
    await save(first)
    first.keyed.take({ card: 'new' }, 5_000, 4_000, false)
    first.keyed.expire(4_000)
    first.advance(301, 1)
    await save(first)
    const again = (await claim('one'))!
    expect(again.keyed.take({ card: 'new' }, 5_001, 0, false).get('seen')).toBe(2)
    expect(again.keyed.take({ card: 'c1' }, 501, 0, false).get('seen')).toBe(1)
  })

  test('windows that are declared otherwise begin empty; the place stays', async () => {
    const { claim, save } = await setUp()
    const first = (await claim('one'))!
    first.keyed.take({ card: 'x' }, 100, 0, false)
    first.advance(7, 1)
    await save(first)
    const changed = (await claim('one', specOf([{ ...count, sizeMs: 2_000 }])))!
    expect(changed.position()).toBe(7)
    expect(changed.keyed.take({ card: 'x' }, 100, 0, false).get('seen')).toBe(1)
  })
})
