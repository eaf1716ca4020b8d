import { expect, test } from 'vitest'
import { isPublicAddress, publicFetch } from './public-fetch.ts'

test.each([
  ['8.8.8.8', true],
  ['10.0.0.1', false],
  ['127.0.0.1', false],
  ['169.254.169.254', false],
  ['172.31.255.255', false],
  ['100.64.0.1', false],
  ['0.0.0.0', false],
  ['::1', false],
  ['::', false],
  ['::ffff:10.0.0.1', false],
  ['::ffff:8.8.8.8', true],
  ['::ffff:a00:1', false],
  ['64:ff9b::7f00:1', false],
  ['64:ff9b::8.8.8.8', true],
  ['2002:7f00:1::', false],
  ['2002:808:808::', true],
  ['fe80::1', false],
  ['fe80::1%eth0', false],
  ['fd12:3456::1', false],
  ['2606:4700:4700::1111', true],
  ['not an address', false],
])('%s is public: %s', (address, expected) => expect(isPublicAddress(address)).toBe(expected))

test.each([
  'http://127.0.0.1:9/',
  'http://[::1]:9/',
  'http://[::ffff:127.0.0.1]:9/',
  'http://2130706433:9/',
  'http://0x7f.1:9/',
  'http://localhost:9/',
])('%s is not connected to', async (url) => {
  await expect(publicFetch(url)).rejects.toMatchObject({ code: 'forbidden' })
})
