import fs from 'node:fs/promises'
import path from 'node:path'
import { AppError } from '../../../contract/errors.ts'

/** Which files the documents of a project may name. */
export type AllowedPaths = {
  /** The full path of a file, whether or not it is there. Throws `forbidden` when it lies outside the folders of the project, also by a link. */
  resolve(project: string, given: string): Promise<string>
  /** The files of a pattern with `*` and `**`, in order of their names; without a pattern the file itself. Throws as `resolve` does. */
  expand(project: string, given: string): Promise<string[]>
}

/** The most files of one partition. */
const MOST_FILES = 10_000

/**
 * A relative path lies below the project’s own folder, `<home>/<project>`; an absolute one must lie there or below a further
 * folder, given as `/path` for every project or `project=/path` for one.
 */
export function createAllowedPaths({
  home,
  further,
  closed,
}: {
  home: string
  further: readonly string[]
  closed: readonly string[]
}): AllowedPaths {
  const own = (project: string) => path.join(home, project)

  async function rootsOf(project: string): Promise<string[]> {
    await fs.mkdir(own(project), { recursive: true })
    const named = further.flatMap((entry) => {
      const [, owner, folder] = /^(?:([a-z0-9._-]+)=)?(.+)$/.exec(entry.trim()) ?? []
      return folder !== undefined && (owner === undefined || owner === project) ? [path.resolve(folder)] : []
    })
    const all = await Promise.all([own(project), ...named].map((folder) => fs.realpath(folder).catch(() => null)))
    return all.filter((folder) => folder !== null)
  }

  async function resolve(project: string, given: string): Promise<string> {
    const full = path.resolve(own(project), given)
    const roots = await rootsOf(project)
    const real = await realPath(full)
    const isOpen = !given.split(/[/\\]/).includes('..') && roots.some((root) => isBelow(real, root))
    const isClosed = closed.some((file) => isBelow(real, file))
    if (!isOpen || isClosed)
      throw new AppError(
        'forbidden',
        `${given} lies outside the folders of batch scoring; put it below ${own(project)}, or let the operator add its folder to batchFolders`,
      )
    return real
  }

  return {
    resolve,
    async expand(project, given) {
      if (!given.includes('*')) return [await resolve(project, given)]
      // The part before the pattern is checked before anything below it is looked at, and then every file again.
      const parts = given.split('/')
      const fixed = parts
        .slice(
          0,
          parts.findIndex((part) => part.includes('*')),
        )
        .join('/')
      const folder = await resolve(project, fixed === '' ? (given.startsWith('/') ? '/' : '.') : fixed)
      const pattern = parts.slice(parts.findIndex((part) => part.includes('*'))).join('/')
      const found: string[] = []
      for await (const entry of fs.glob(pattern, { cwd: folder, withFileTypes: true })) {
        if (entry.isDirectory()) continue
        found.push(await resolve(project, path.join(entry.parentPath, entry.name)))
        if (found.length > MOST_FILES) throw new AppError('too_large', `${given} names more than ${MOST_FILES} files`)
      }
      return [...new Set(found)].sort()
    },
  }
}

function isBelow(file: string, folder: string): boolean {
  const relative = path.relative(folder, file)
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative))
}

/** The path with every link followed, as far as it exists. */
async function realPath(file: string): Promise<string> {
  try {
    return await fs.realpath(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    // A link to nowhere would be followed when the file is made.
    const link = await fs.lstat(file).catch(() => null)
    if (link?.isSymbolicLink()) throw new AppError('forbidden', `${file} is a link to nothing`)
    const parent = path.dirname(file)
    return parent === file ? file : path.join(await realPath(parent), path.basename(file))
  }
}
