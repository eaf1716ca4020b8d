import { describe, expect, it } from 'vitest'
import {
  baseOf,
  comparePath,
  deploymentPath,
  experimentPath,
  loopPath,
  modelPath,
  monitorPath,
  pathAfterSignIn,
  pathFromHash,
  routeFrom,
  runPath,
  signInPath,
  tokenFrom,
  versionPath,
} from './routes.ts'

describe('routes', () => {
  it('finds the page of a path', () => {
    expect(routeFrom('/')).toEqual({ page: 'overview' })
    expect(routeFrom('/loops/')).toEqual({ page: 'loops' })
    expect(routeFrom(loopPath('a/b%'))).toEqual({ page: 'loop', id: 'a/b%' })
    expect(routeFrom('/loops/%zz')).toEqual({ page: 'loop', id: '%zz' })
    expect(routeFrom(deploymentPath('shop.v2'))).toEqual({ page: 'deployment', name: 'shop.v2' })
    expect(routeFrom(monitorPath('a.b'))).toEqual({ page: 'monitor', name: 'a.b' })
    expect(routeFrom('/monitors')).toMatchObject({ page: 'unknown' })
    expect(routeFrom('/sign-in')).toEqual({ page: 'sign-in' })
    expect(routeFrom('/nowhere/at/all')).toEqual({ page: 'unknown', path: '/nowhere/at/all' })
  })

  it('finds the pages of experiments and models', () => {
    expect(routeFrom('/experiments')).toEqual({ page: 'experiments' })
    expect(routeFrom(`${experimentPath('0')}?filter=a`)).toEqual({ page: 'experiment', experiment: '0' })
    expect(routeFrom(runPath('1', 'r/1'))).toEqual({ page: 'run', experiment: '1', run: 'r/1' })
    expect(routeFrom(comparePath('1', ['a', 'b']))).toEqual({ page: 'compare', experiment: '1' })
    expect(routeFrom('/experiments/1/runs')).toMatchObject({ page: 'unknown' })
    expect(routeFrom('/experiments/1/runs/a/b')).toMatchObject({ page: 'unknown' })
    expect(routeFrom('/models/')).toEqual({ page: 'models' })
    expect(routeFrom(modelPath('churn v2.onnx'))).toEqual({ page: 'model', model: 'churn v2.onnx' })
    expect(routeFrom(versionPath('churn', 12))).toEqual({ page: 'version', model: 'churn', version: 12 })
    for (const path of ['/models/churn/0', '/models/churn/x', '/models/churn/1/2', '/models/churn/1e3'])
      expect(routeFrom(path)).toMatchObject({ page: 'unknown' })
  })

  it.each([
    ['#/experiments', '/experiments'],
    ['#/experiments/1', '/experiments/1'],
    ['#/experiments/1/runs/4f1c', '/experiments/1/runs/4f1c'],
    ['#/experiments/1/runs/4f1c/artifacts/model', '/experiments/1/runs/4f1c'],
    ['#/experiments/1/models/m-0a', '/experiments/1'],
    ['#/models', '/models'],
    ['#/models/churn%20v2', '/models/churn%20v2'],
    ['#/models/churn/versions/3', '/models/churn/3'],
    ['#/models/churn/versions/x', '/models/churn'],
    ['#/prompts/greeting', '/models/greeting'],
    ['#/compare-runs?runs=["a","b"]&experiments=["7"]', '/experiments/7/compare?runs=a,b'],
    ['#/compare-runs?runs=', '/experiments'],
    ['#content', undefined],
    ['#/elsewhere', undefined],
    ['', undefined],
  ])('leads from the hash %s to %s', (hash, path) => {
    expect(pathFromHash(hash)).toBe(path)
  })

  it('knows the project that a page was opened in', () => {
    expect(baseOf('/p/fraud/experiments/1')).toBe('/p/fraud')
    expect(baseOf('/p/fraud')).toBe('/p/fraud')
    expect(baseOf('/experiments/p/fraud')).toBe('')
    expect(baseOf('/p/')).toBe('')
  })

  it('goes back to where signing in was asked for, and to no other site', () => {
    const goesTo = (from: string) => pathAfterSignIn(new URL(signInPath(from), 'http://console').search)
    expect(goesTo('/loops/loop_1')).toBe('/loops/loop_1')
    expect(goesTo('/experiments/1?filter=a%20%3D%201')).toBe('/experiments/1?filter=a%20%3D%201')
    expect(goesTo('/sign-in')).toBe('/')
    expect(pathAfterSignIn('?next=//elsewhere.example')).toBe('/')
    expect(pathAfterSignIn('?next=/\\elsewhere.example')).toBe('/')
    expect(pathAfterSignIn('?next=https://elsewhere.example')).toBe('/')
    expect(pathAfterSignIn('?next=/sign-in')).toBe('/')
  })

  it('takes a token or the whole link', () => {
    expect(tokenFrom(' abc ')).toBe('abc')
    expect(tokenFrom('http://127.0.0.1:4700/sign-in#abc\n')).toBe('abc')
  })
})
