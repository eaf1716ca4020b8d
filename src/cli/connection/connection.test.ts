import fs from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import type { ClientSettings } from '../../infra/config.ts'
import { createPerson, type Person } from '../for-tests.ts'
import { type ConnectionFlags, resolveConnection } from './resolve.ts'

const people: Person[] = []
afterEach(() => {
  for (const person of people.splice(0)) person.close()
})

function resolved(flags: ConnectionFlags, environment: Partial<ClientSettings>, options: { profile?: boolean; local?: boolean }) {
  const person = createPerson()
  people.push(person)
  if (options.profile)
    person.write(
      'home/profiles.yaml',
      'current: a\nprofiles:\n  a: {url: "http://a", token: ta, project: pa}\n  b: {url: "http://b", token: tb}\n',
    )
  if (options.local) person.write('.setpoint/local.json', '{"url":"http://local","token":"tl"}')
  return resolveConnection(flags, { ...person.shell.settings, ...environment }, person.folder)
}

test.each<[string, ConnectionFlags, Partial<ClientSettings>, { profile?: boolean; local?: boolean }, object]>([
  ['the server of this folder', {}, {}, { local: true }, { url: 'http://local', token: 'tl' }],
  ['the profile in use', {}, {}, { local: true, profile: true }, { url: 'http://a', token: 'ta', project: 'pa' }],
  ['the environment’s profile', {}, { profile: 'b' }, { profile: true }, { url: 'http://b', token: 'tb', project: undefined }],
  ['a flag’s profile', { profile: 'a' }, { profile: 'b' }, { profile: true }, { url: 'http://a' }],
  ['the environment', {}, { url: 'http://e/', token: 'te' }, { profile: true }, { url: 'http://e', token: 'te', project: 'pa' }],
  ['a flag', { url: 'http://f', token: 'tf' }, { url: 'http://e', token: 'te' }, { profile: true }, { url: 'http://f', token: 'tf' }],
  ['another key for the profile’s server', { token: 'tf' }, {}, { profile: true }, { url: 'http://a', token: 'tf' }],
  ['another server gets no kept key', { url: 'http://f' }, {}, { profile: true }, { url: 'http://f', token: undefined }],
  ['the same server gets it', { url: 'http://a' }, {}, { profile: true }, { url: 'http://a', token: 'ta' }],
])('%s', (_name, flags, environment, files, expected) => {
  expect(resolved(flags, environment, files)).toMatchObject(expected)
})

test('what is missing or wrong is said with its fix', () => {
  expect(() => resolved({}, {}, {})).toThrow(/setpoint up/)
  expect(() => resolved({ profile: 'c' }, {}, { profile: true })).toThrow('there is no profile "c"; there are a, b')
  expect(() => resolved({ url: 'localhost:1' }, {}, {})).toThrow(/http:\/\/host:port/)
})

test('profiles are added, listed without keys, used and removed, in a file only the owner reads', async () => {
  const person = createPerson({ input: 'secret\n' })
  people.push(person)
  expect((await person.run('profile', 'add', 'a', '--url', 'http://a/', '--token', '-')).code).toBe(0)
  expect((await person.run('profile', 'add', 'b', '--url', 'http://b')).code).toBe(0)
  expect(fs.statSync(person.shell.settings.profilesFile).mode & 0o777).toBe(0o600)
  expect((await person.run('profile', 'use', 'b')).code).toBe(0)
  const { out } = await person.run('profile', 'list')
  expect(out).toBe('   NAME  URL       PROJECT  KEY\n   a     http://a  –        yes\n*  b     http://b  –        no\n')
  expect(resolveConnection({ profile: 'a' }, person.shell.settings, person.folder).token).toBe('secret')
  await person.run('profile', 'remove', 'b')
  expect(JSON.parse((await person.run('profile', 'list', '--json')).out)).toEqual([
    { name: 'a', url: 'http://a', project: null, key: true, inUse: false },
  ])
  expect(await person.run('profile', 'use', 'x')).toMatchObject({ code: 2, notes: expect.stringContaining('there are a') })
  expect(await person.run('profile', 'add', 'x', '--url', 'ftp://x')).toMatchObject({ code: 2, notes: expect.stringContaining('--url') })
  person.write('home/profiles.yaml', 'profiles: [')
  expect(await person.run('profile', 'list')).toMatchObject({ code: 2, notes: expect.stringContaining('profiles.yaml cannot be read') })
})
