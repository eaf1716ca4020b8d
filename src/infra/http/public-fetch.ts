import dns from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { buffer } from 'node:stream/consumers'
import { AppError } from '../../contract/errors.ts'

const MOST_ANSWER_BYTES = 1 << 20

/** Addresses that are not of the open internet: RFC 6890 and its updates, for both families. */
const reserved = new net.BlockList()
for (const range of [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
])
  reserved.addSubnet(range.split('/')[0]!, Number(range.split('/')[1]), 'ipv4')
for (const range of ['::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '3fff::/20', 'fc00::/7', 'fe80::/10', 'ff00::/8'])
  reserved.addSubnet(range.split('/')[0]!, Number(range.split('/')[1]), 'ipv6')

/** Whether an IP address can be reached over the open internet; an IPv4 address within an IPv6 one is judged as itself. */
export function isPublicAddress(address: string): boolean {
  if (net.isIPv4(address)) return !reserved.check(address, 'ipv4')
  if (!net.isIPv6(address) || address.includes('%')) return false
  const embedded = embeddedIpv4(address)
  if (embedded !== undefined) return isPublicAddress(embedded)
  return !reserved.check(address, 'ipv6')
}

/** The IPv4 address within a mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96) or 6to4 (2002::/16) address. */
function embeddedIpv4(address: string): string | undefined {
  const groups = groupsOf(address)
  const dotted = (high: number, low: number) => [high >> 8, high & 255, low >> 8, low & 255].join('.')
  if (groups[0] === 0x2002) return dotted(groups[1]!, groups[2]!)
  const zeros = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0)
  if (zeros(0, 5) && groups[5] === 0xffff) return dotted(groups[6]!, groups[7]!)
  if (groups[0] === 0x64 && groups[1] === 0xff9b && zeros(2, 6)) return dotted(groups[6]!, groups[7]!)
  return undefined
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_match, a, b, c, d) =>
    [(Number(a) << 8) | Number(b), (Number(c) << 8) | Number(d)].map((group) => group.toString(16)).join(':'),
  )
  const [head = '', tail = ''] = hex.split('::')
  const numbers = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const [left, right] = [numbers(head), numbers(tail)]
  return [...left, ...new Array(Math.max(0, 8 - left.length - right.length)).fill(0), ...right]
}

/**
 * A `fetch` for addresses that people hand to the server: it connects to public addresses only, checked when the name is
 * resolved for this very connection, so that no second look-up can lead elsewhere; and it follows no redirect. Throws
 * `forbidden` for a private address, and what the connection throws.
 */
export const publicFetch = (async (input: string, init: RequestInit = {}) => {
  const url = new URL(input)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (net.isIP(host) !== 0 && !isPublicAddress(host)) throw refusal(host)
  const client = url.protocol === 'https:' ? https : http
  return await new Promise<Response>((resolve, reject) => {
    const request = client.request(
      url,
      {
        method: init.method ?? 'GET',
        headers: init.headers as http.OutgoingHttpHeaders,
        signal: init.signal ?? undefined,
        lookup: publicLookup,
        agent: false,
      },
      (answer) => {
        let sizeBytes = 0
        answer.on('data', (chunk: Buffer) => {
          sizeBytes += chunk.length
          if (sizeBytes > MOST_ANSWER_BYTES)
            request.destroy(new AppError('too_large', `the answer is larger than ${MOST_ANSWER_BYTES} bytes`))
        })
        buffer(answer).then(
          (body) => resolve(new Response(hasBody(answer.statusCode!) ? body : null, { status: answer.statusCode! })),
          reject,
        )
      },
    )
    request.once('error', reject)
    request.end(init.body as string | undefined)
  })
}) as typeof fetch

/** Statuses to which no body belongs; the platform refuses to make such a reply with one. */
function hasBody(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304
}

const publicLookup: net.LookupFunction = (hostname, options, callback) => {
  dns.lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const found = addresses ?? []
    const hidden = found.find(({ address }) => !isPublicAddress(address))
    if (error || hidden) callback(error ?? refusal(hidden!.address), [])
    else if (options.all) callback(null, found)
    else callback(null, found[0]!.address, found[0]!.family)
  })
}

function refusal(address: string): AppError {
  return new AppError(
    'forbidden',
    `${address} is not a public IP address; webhooks reach private networks only where the setting privateWebhooks allows it`,
    { address },
  )
}
