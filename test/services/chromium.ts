import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

const root = path.resolve(import.meta.dirname, '../..')
const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const program = programs.find((file) => fs.existsSync(file))
const quiet = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Why no browser can be opened on this machine; undefined when one can. */
export const noChromium = program ? undefined : `no Chromium at ${programs.join(', ')}`

/** Builds the console as it is shipped, into the folder that the server serves. */
export function buildConsole(): void {
  execFileSync(process.execPath, ['node_modules/vite/bin/vite.js', 'build', 'web', '--logLevel', 'error'], {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'production' },
  })
}

/** A browser with one page. `complaints` gathers what the page logs as errors and warnings, and violations of its policy. */
export async function openBrowser(): Promise<{ browser: Browser; page: Page; complaints: string[] }> {
  const complaints: string[] = []
  const browser = await chromium.launch({ executablePath: program!, args: quiet })
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  page.setDefaultTimeout(20_000)
  page.on(
    'console',
    (message) => ['error', 'warning'].includes(message.type()) && complaints.push(`${message.text()} ${message.location().url}`),
  )
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message))
  await page.addInitScript(() =>
    addEventListener('securitypolicyviolation', (event) => console.error(`policy violated: ${event.violatedDirective}`)),
  )
  return { browser, page, complaints }
}
