import { expect, test } from 'vitest'
import { folderOf, joinPath, nameOf, readArtifactPath } from './artifact-path.ts'

test.each([
  ['', ''],
  ['.', ''],
  ['a', 'a'],
  ['a/b.txt', 'a/b.txt'],
  ['a//b/./c/', 'a/b/c'],
  ['1/m-ab/artifacts/MLmodel', '1/m-ab/artifacts/MLmodel'],
  ['a..b/...', 'a..b/...'],
  ['100%.txt', '100%.txt'],
  ['dog%step%20%time', 'dog%step%20%time'],
  ['name:v1', 'name:v1'],
  ['模型/über.bin', '模型/über.bin'],
  ['%e6%a8%85', '%e6%a8%85'],
  ['-rf', '-rf'],
  ['~root', '~root'],
  ['con.txt', 'con.txt'],
])('%s is the path %s', (given, path) => {
  expect(readArtifactPath(given)).toEqual({ path })
})

const climbing = [
  '../a',
  'a/../b',
  '..',
  'a/..',
  '%2e%2e/a',
  '%2e%2e%2fa',
  '..%2fa',
  '%252e%252e%252fa',
  '%25252e%25252e/a',
  '．．/a',
  '‥/a',
]
const absolute = ['/a', '//a', '%2fa', '%252fa', 'C:/a', 'c:\\a', 'file:///etc/passwd', 'http://x/y', '\\\\host\\share', '／etc']
const hidden = [
  'a\\b',
  'a%5cb',
  'a%255cb',
  'a\0b',
  'a%00',
  'a%2500',
  'a\nb',
  'a%0d%0ab',
  'a\u202eb',
  'a#b',
  'a%23b',
  '\u007f',
  'a\u0085',
  '\ud800',
  '%c0%ae%c0%ae/a',
  `%${'25'.repeat(20)}2e`,
]
test.each([...climbing, ...absolute, ...hidden])('%j is refused', (given) => {
  expect(readArtifactPath(given)).toEqual({ problem: expect.any(String) })
})

test('a path is at most as long and as deep as its limits, each with its reason', () => {
  expect(readArtifactPath('a'.repeat(255))).toHaveProperty('path')
  expect(readArtifactPath('a'.repeat(256))).toEqual({ problem: 'holds a name longer than 255 bytes' })
  expect(readArtifactPath('é'.repeat(128))).toEqual({ problem: 'holds a name longer than 255 bytes' })
  expect(readArtifactPath(Array(64).fill('a').join('/'))).toHaveProperty('path')
  expect(readArtifactPath(Array(65).fill('a').join('/'))).toEqual({ problem: 'is more than 64 folders deep' })
  expect(readArtifactPath(`${'a'.repeat(200)}/`.repeat(6))).toEqual({ problem: 'is longer than 1024 bytes' })
  expect(readArtifactPath('a/'.repeat(1e6))).toHaveProperty('problem')
})

test('a path comes apart and together again', () => {
  expect([folderOf('a/b/c'), nameOf('a/b/c'), folderOf('a'), nameOf('a')]).toEqual(['a/b', 'c', '', 'a'])
  expect([joinPath('', 'a'), joinPath('a', ''), joinPath('a', 'b/c')]).toEqual(['a', 'a', 'a/b/c'])
})
