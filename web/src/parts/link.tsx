import type { MouseEvent, ReactNode } from 'react'
import { useConsole } from '../console.tsx'

/** A link to another page of the console; opens elsewhere as any link does. */
export function Link({ to, className, label, children }: { to: string; className?: string; label?: string; children: ReactNode }) {
  const { path, navigate } = useConsole()
  function follow(event: MouseEvent) {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    navigate(to)
  }
  return (
    <a href={to} className={className} aria-label={label} aria-current={path === to ? 'page' : undefined} onClick={follow}>
      {children}
    </a>
  )
}
