import { Fragment, type ReactNode } from 'react'
import { Link } from './link.tsx'

/** The pages above this one, then what this one is. */
export function Crumbs({ above, here }: { above: readonly (readonly [to: string, name: string])[]; here: ReactNode }) {
  return (
    <nav className="crumbs" aria-label="Where this is">
      {above.map(([to, name]) => (
        <Fragment key={to}>
          <Link to={to}>{name}</Link> <span aria-hidden="true">/</span>{' '}
        </Fragment>
      ))}
      <span>{here}</span>
    </nav>
  )
}
