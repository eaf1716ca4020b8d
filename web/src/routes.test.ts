import { describe, expect, it } from 'vitest'
import { loopPath, pathAfterSignIn, routeFrom, signInPath, tokenFrom } from './routes.ts'

describe('routes', () => {
  it('finds the page of a path', () => {
    expect(routeFrom('/')).toEqual({ page: 'overview' })
    expect(routeFrom('/loops/')).toEqual({ page: 'loops' })
    expect(routeFrom(loopPath('a/b%'))).toEqual({ page: 'loop', id: 'a/b%' })
    expect(routeFrom('/loops/%zz')).toEqual({ page: 'loop', id: '%zz' })
    expect(routeFrom('/sign-in')).toEqual({ page: 'sign-in' })
    expect(routeFrom('/nowhere/at/all')).toEqual({ page: 'unknown', path: '/nowhere/at/all' })
  })

  it('goes back to where signing in was asked for, and to no other site', () => {
    const goesTo = (from: string) => pathAfterSignIn(new URL(signInPath(from), 'http://console').search)
    expect(goesTo('/loops/loop_1')).toBe('/loops/loop_1')
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
