import type { MouseEvent, ReactNode } from 'react'
import { useConsole } from '../console.tsx'

type LinkProps = {
  readonly to: string
  readonly className?: string
  readonly label?: string
  /** Also marked as where one is on every page below it. */
  readonly section?: boolean
  readonly children: ReactNode
}

/** A link to another page of the console; opens elsewhere as any link does. */
export function Link({ to, className, label, section = false, children }: LinkProps) {
  const { base, path, navigate } = useConsole()
  function follow(event: MouseEvent) {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    navigate(to)
  }
  const here = path === to || (section && path.startsWith(`${to}/`))
  return (
    <a href={base + to} className={className} aria-label={label} aria-current={here ? 'page' : undefined} onClick={follow}>
      {children}
    </a>
  )
}
