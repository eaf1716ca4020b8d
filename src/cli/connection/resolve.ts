import fs from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import type { Connection } from '../../contract/client.ts'
import type { ClientSettings } from '../../infra/config.ts'
import { usageError } from '../failures.ts'
import { type Profile, readProfiles } from './profiles.ts'

export type ConnectionFlags = { readonly url?: string; readonly token?: string; readonly project?: string; readonly profile?: string }

/** What a server leaves in its data folder for the command line on the same machine. */
const LocalServer = z.object({ url: z.string(), token: z.string() })
const LOCAL_FILE = path.join('.setpoint', 'local.json')

/**
 * Which server to speak to, with which key, in which project: flags, then the environment, then the chosen profile, then
 * the server started in this folder. A token kept with an address is sent to that address only, so that `--url` cannot
 * hand one server’s key to another. Throws a usage error that says what to do when no server is known.
 */
export function resolveConnection(flags: ConnectionFlags, settings: ClientSettings, folder: string): Connection {
  const profile = chosenProfile(flags.profile ?? settings.profile, settings.profilesFile)
  const local = profile ? undefined : localServer(folder)
  const kept: Partial<Profile> = profile ?? local ?? {}
  const url = (flags.url ?? settings.url ?? kept.url)?.replace(/\/+$/, '')
  if (url === undefined)
    throw usageError(
      'no server is known here: start one with "setpoint up", or name one with --url and --token, SETPOINT_URL and SETPOINT_TOKEN, or "setpoint profile add"',
    )
  if (!/^https?:\/\//.test(url)) throw usageError(`--url: "${url}" is no address; write it as http://host:port`)
  return {
    url,
    token: flags.token ?? settings.token ?? (kept.url === url ? kept.token : undefined),
    project: flags.project ?? settings.project ?? kept.project,
  }
}

function chosenProfile(asked: string | undefined, file: string): Profile | undefined {
  const book = readProfiles(file)
  const name = asked ?? book.current
  if (name === undefined) return undefined
  const profile = book.profiles[name]
  if (profile) return profile
  const known = Object.keys(book.profiles)
  throw usageError(
    `there is no profile "${name}"; ${known.length > 0 ? `there are ${known.join(', ')}` : 'add it with "setpoint profile add"'}`,
  )
}

function localServer(folder: string): Profile | undefined {
  const file = path.join(folder, LOCAL_FILE)
  if (!fs.existsSync(file)) return undefined
  try {
    return LocalServer.parse(JSON.parse(fs.readFileSync(file, 'utf8')))
  } catch (error) {
    throw usageError(`${file} cannot be read; start the server again with "setpoint up", or name one with --url and --token`, error)
  }
}
